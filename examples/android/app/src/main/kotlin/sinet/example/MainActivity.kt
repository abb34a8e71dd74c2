package sinet.example

import android.Manifest
import android.content.pm.PackageManager
import android.graphics.Bitmap
import android.os.Bundle
import android.os.SystemClock
import androidx.activity.ComponentActivity
import androidx.activity.result.contract.ActivityResultContracts
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import androidx.camera.lifecycle.ProcessCameraProvider
import androidx.core.content.ContextCompat
import java.util.concurrent.Executors

/** The front camera without its background, live, and the milliseconds that a frame takes. */
class MainActivity : ComponentActivity() {
    private val worker = Executors.newSingleThreadExecutor() // the engine runs here and nowhere else
    private lateinit var view: CutoutView
    private var segmenter: Segmenter? = null

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        view = CutoutView(this)
        setContentView(view)
        val allowed = ContextCompat.checkSelfPermission(this, Manifest.permission.CAMERA)
        if (allowed == PackageManager.PERMISSION_GRANTED) openCamera() else ask.launch(Manifest.permission.CAMERA)
    }

    private val ask = registerForActivityResult(ActivityResultContracts.RequestPermission()) { granted ->
        if (granted) openCamera() else view.say("Without the camera there is nothing to show.")
    }

    private fun openCamera() {
        val opening = ProcessCameraProvider.getInstance(this)
        opening.addListener({
            val analysis = ImageAnalysis.Builder()
                .setOutputImageFormat(ImageAnalysis.OUTPUT_IMAGE_FORMAT_RGBA_8888)
                .setOutputImageRotationEnabled(true) // frames come upright; the network knows nobody who lies on the side
                .setBackpressureStrategy(ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST)
                .build()
            analysis.setAnalyzer(worker, ::look)
            val cameras = opening.get()
            cameras.unbindAll()
            cameras.bindToLifecycle(this, CameraSelector.DEFAULT_FRONT_CAMERA, analysis)
        }, ContextCompat.getMainExecutor(this))
    }

    private fun look(image: ImageProxy) = image.use {
        val network = segmenter ?: Segmenter(assets.open("portrait-13.safetensors").use { it.readBytes() })
        segmenter = network
        val plane = image.planes[0]
        val begun = SystemClock.elapsedRealtimeNanos()
        val alpha = network.run(plane.buffer, plane.rowStride, image.height, image.width)
        val tookMs = (SystemClock.elapsedRealtimeNanos() - begun) / 1e6
        val mask = Bitmap.createBitmap(network.width, network.height, Bitmap.Config.ALPHA_8)
        alpha.rewind()
        mask.copyPixelsFromBuffer(alpha)
        val frame = image.toBitmap()
        runOnUiThread { view.show(frame, mask, tookMs) }
    }

    override fun onDestroy() {
        super.onDestroy()
        worker.execute { segmenter?.close() } // after the frame that may be under way
        worker.shutdown()
    }
}
