package sinet.example

import android.content.Context
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Matrix
import android.graphics.Paint
import android.graphics.PorterDuff
import android.graphics.PorterDuffXfermode
import android.graphics.RectF
import android.view.View

/** A frame of the front camera, mirrored, where its mask says a person; a colour elsewhere; figures above. */
class CutoutView(context: Context) : View(context) {
    private var frame: Bitmap? = null
    private var mask: Bitmap? = null
    private var words = ""
    private val whole = Paint(Paint.FILTER_BITMAP_FLAG)
    private val inside = Paint(Paint.FILTER_BITMAP_FLAG).apply { xfermode = PorterDuffXfermode(PorterDuff.Mode.DST_IN) }
    private val text = Paint(Paint.ANTI_ALIAS_FLAG).apply {
        color = Color.WHITE
        textSize = 16 * resources.displayMetrics.density
        setShadowLayer(4f, 0f, 0f, Color.BLACK)
    }

    fun show(frame: Bitmap, mask: Bitmap, tookMs: Double) {
        this.frame = frame
        this.mask = mask
        say("%.1f ms for a frame of %dx%d".format(tookMs, frame.width, frame.height))
    }

    fun say(words: String) {
        this.words = words
        invalidate()
    }

    override fun onDraw(canvas: Canvas) {
        canvas.drawColor(Color.rgb(0, 105, 92))
        val frame = frame
        val mask = mask
        if (frame != null && mask != null) {
            val layer = canvas.saveLayer(null, null) // the mask takes away from the frame alone, not from what is behind
            canvas.drawBitmap(frame, onto(frame), whole)
            canvas.drawBitmap(mask, onto(mask, frame), inside)
            canvas.restoreToCount(layer)
        }
        canvas.drawText(words, text.textSize, 4 * text.textSize, text)
    }

    /** Fit [bitmap], stretched onto [frame], into the view, as in a mirror. */
    private fun onto(bitmap: Bitmap, frame: Bitmap = bitmap) = Matrix().apply {
        val place = RectF(0f, 0f, frame.width.toFloat(), frame.height.toFloat())
        setScale(place.right / bitmap.width, place.bottom / bitmap.height)
        postConcat(Matrix().apply {
            setRectToRect(place, RectF(0f, 0f, width.toFloat(), height.toFloat()), Matrix.ScaleToFit.CENTER)
        })
        postScale(-1f, 1f, width / 2f, 0f)
    }
}
