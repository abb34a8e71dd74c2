package sinet.example

import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.json.JSONObject

/**
 * A network in the engine. For one thread at a time.
 *
 * @param artefact the content of a `.safetensors` artefact; all that must be known of the network stands in its spec.
 * @throws IllegalArgumentException it is none that the engine can run.
 */
class Segmenter(artefact: ByteArray) : AutoCloseable {
    private val spec = spec(artefact)
    val height: Int = spec.getJSONArray("size").getInt(0)
    val width: Int = spec.getJSONArray("size").getInt(1)
    private val blueFirst = spec.getString("colour_order") == "bgr"
    private val handle = open(artefact, height, width, blueFirst, numbers("mean"), numbers("std"))

    /** The probability of a person, 0..255, row after row at the network's size; each run writes it anew. */
    val alpha: ByteBuffer = ByteBuffer.allocateDirect(height * width)

    /** Look at an upright frame: a direct buffer of RGBA, [rowStride] bytes from one row to the next. */
    fun run(rgba: ByteBuffer, rowStride: Int, height: Int, width: Int): ByteBuffer {
        run(handle, rgba, rowStride, height, width, alpha)
        return alpha
    }

    override fun close() = free(handle)

    private fun numbers(name: String) = spec.getJSONArray(name).let { FloatArray(3) { i -> it.getDouble(i).toFloat() } }

    private external fun open(
        artefact: ByteArray, height: Int, width: Int, blueFirst: Boolean, mean: FloatArray, std: FloatArray,
    ): Long

    private external fun run(handle: Long, rgba: ByteBuffer, rowStride: Int, height: Int, width: Int, alpha: ByteBuffer)

    private external fun free(handle: Long)

    private companion object {
        init {
            System.loadLibrary("sinet_example")
        }

        /** The part of the spec that says what the input is: an artefact begins with its header's length and JSON. */
        fun spec(artefact: ByteArray): JSONObject {
            val length = ByteBuffer.wrap(artefact).order(ByteOrder.LITTLE_ENDIAN).getLong().toInt()
            val header = JSONObject(String(artefact, 8, length, Charsets.UTF_8))
            return JSONObject(header.getJSONObject("__metadata__").getString("spec")).getJSONObject("preprocess")
        }
    }
}
