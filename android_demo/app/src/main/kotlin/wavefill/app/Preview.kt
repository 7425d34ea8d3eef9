package wavefill.app

import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Paint
import android.graphics.RectF
import wavefill.edit.Document
import wavefill.edit.Edited
import wavefill.fill.Box
import wavefill.fill.Raster
import wavefill.photo.Pixels

private const val MOST_PIXELS = 3_000_000L
private const val STRIP_BYTES = 3 shl 20

/** A photo small enough for the screen, and how many of its pixels one of these stands for. */
class Preview(val bitmap: Bitmap, val sample: Int, val canvas: Box)

/**
 * Makes the preview of an edit: the small photo, with what was made drawn on it.
 *
 * @param edited null: the photo as it was, on the canvas as it is.
 * @return null: the memory does not suffice, or the photo cannot be decoded.
 */
fun previewOf(photo: Pixels, document: Document, edited: Edited?): Preview? {
    var sample = 1
    while (document.canvas.height.toLong() * document.canvas.width / (sample.toLong() * sample) > MOST_PIXELS) sample *= 2
    val canvas = document.canvas
    val small = (photo as? AndroidPhoto)?.small(sample) ?: return null
    val bitmap = Bitmap.createBitmap(maxOf(1, canvas.width / sample), maxOf(1, canvas.height / sample), Bitmap.Config.ARGB_8888)
    val to = Canvas(bitmap)
    val smooth = Paint(Paint.FILTER_BITMAP_FLAG)
    fun place(box: Box): RectF {
        val on = box.within(canvas)
        return RectF(on.left.toFloat() / sample, on.top.toFloat() / sample, on.right.toFloat() / sample, on.bottom.toFloat() / sample)
    }
    to.drawBitmap(small, null, place(document.photo), smooth)
    small.recycle()
    if (edited != null) for (patch in document.patches) {
        val rows = maxOf(sample, STRIP_BYTES / (3 * patch.box.width) / sample * sample)
        for (top in patch.box.top until patch.box.bottom step rows) {
            val part = patch.box.copy(top = top, bottom = minOf(patch.box.bottom, top + rows))
            to.drawBitmap(bitmapOf(every(edited.read(part.within(canvas)), sample)), null, place(part), smooth)
        }
    }
    return Preview(bitmap, sample, canvas)
}

/** Every so-manieth pixel. */
private fun every(raster: Raster, sample: Int): Raster {
    val result = Raster((raster.height + sample - 1) / sample, (raster.width + sample - 1) / sample, 3)
    for (y in 0 until result.height) for (x in 0 until result.width) for (c in 0 until 3) {
        result.data[(y * result.width + x) * 3 + c] = raster.data[(y * sample * raster.width + x * sample) * 3 + c]
    }
    return result
}
