package sinet.example;

import java.io.DataInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;

/** The class of examples/android whose functions are native, without Android: a request in, the mask's bytes out. */
public final class Segmenter {
    private native long open(byte[] artefact, int height, int width, boolean blueFirst, float[] mean, float[] std);
    private native void run(long handle, ByteBuffer rgba, int rowStride, int height, int width, ByteBuffer alpha);
    private native void free(long handle);

    public static void main(String[] words) throws IOException {
        System.loadLibrary("sinet_example");
        var in = new DataInputStream(System.in);
        byte[] artefact = in.readNBytes(in.readInt());
        int height = in.readInt(), width = in.readInt();
        boolean blueFirst = in.readInt() == 1;
        float[] mean = new float[3], std = new float[3];
        for (int i = 0; i < 3; i++) mean[i] = in.readFloat();
        for (int i = 0; i < 3; i++) std[i] = in.readFloat();
        var segmenter = new Segmenter();
        long handle = segmenter.open(artefact, height, width, blueFirst, mean, std);
        for (int frames = in.readInt(); frames > 0; frames--) {
            int rowStride = in.readInt(), rows = in.readInt(), columns = in.readInt();
            byte[] pixels = in.readNBytes(in.readInt());
            var rgba = ByteBuffer.allocateDirect(pixels.length).put(pixels);
            var alpha = ByteBuffer.allocateDirect(height * width);
            segmenter.run(handle, rgba, rowStride, rows, columns, alpha);
            byte[] made = new byte[height * width];
            alpha.get(made);
            System.out.write(made);
        }
        System.out.flush();
        segmenter.free(handle);
    }
}
