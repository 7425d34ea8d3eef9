package wavefill.app

import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.BitmapRegionDecoder
import android.graphics.Matrix
import android.graphics.Rect
import wavefill.Failure
import wavefill.fill.Box
import wavefill.fill.Raster
import wavefill.photo.PhotoFile
import wavefill.photo.Pixels
import wavefill.photo.Turned
import java.io.File
import java.io.IOException
import java.nio.ByteBuffer

private const val MOST_PIXELS = 200_000_000L

/** A photo that can also be had small, for the screen. */
class AndroidPhoto(private val upright: Pixels, private val file: File, private val orientation: Int) : Pixels by upright {
    /** The photo, each side a `sample`-th (a power of two), upright. */
    fun small(sample: Int): Bitmap? {
        val options = BitmapFactory.Options().apply { inSampleSize = sample }
        val stored = BitmapFactory.decodeFile(file.path, options) ?: return null
        if (orientation == 1) return stored
        return Bitmap.createBitmap(stored, 0, 0, stored.width, stored.height, turning(orientation), true)
    }
}

/**
 * Opens a photo for reading parts of it.
 *
 * @throws Failure this phone cannot read it, or it is too large.
 */
fun openPhoto(file: File, described: PhotoFile): Pixels {
    val size = BitmapFactory.Options().apply { inJustDecodeBounds = true }
    BitmapFactory.decodeFile(file.path, size)
    if (size.outWidth <= 0 || size.outHeight <= 0) {
        throw Failure("This phone cannot read the file: it is no photo, it is damaged, or of a kind that this Android does not know (some HEIC, AVIF, RAW).")
    }
    val (height, width) = size.outHeight to size.outWidth
    if (height.toLong() * width > MOST_PIXELS) throw Failure("The photo has $width × $height pixels; at most ${MOST_PIXELS / 1_000_000} megapixels are taken.")
    val stored = try {
        DecodedParts(BitmapRegionDecoder.newInstance(file.path, false), height, width)
    } catch (error: IOException) {
        // A kind of which no parts can be had, as GIF: the whole is held.
        DecodedWhole(BitmapFactory.decodeFile(file.path, size.apply { inJustDecodeBounds = false }) ?: throw Failure("This phone cannot decode the photo.", error))
    }
    return AndroidPhoto(Turned(stored, described.orientation), file, described.orientation)
}

/** Decodes each part when it is asked for. */
private class DecodedParts(private val decoder: BitmapRegionDecoder, override val height: Int, override val width: Int) : Pixels {
    override fun read(box: Box): Raster {
        val part = try {
            decoder.decodeRegion(Rect(box.left, box.top, box.right, box.bottom), null)
        } catch (error: IllegalArgumentException) {
            null
        } ?: throw Failure("The photo could not be decoded: its file is damaged.")
        return raster(part).also { part.recycle() }
    }
}

private class DecodedWhole(private val bitmap: Bitmap) : Pixels {
    override val height get() = bitmap.height
    override val width get() = bitmap.width

    override fun read(box: Box): Raster {
        val part = Bitmap.createBitmap(bitmap, box.left, box.top, box.width, box.height)
        return raster(part)
    }
}

/** The bytes of a bitmap as they are: getPixels would convert them to sRGB, and the photo keeps its own colour profile. */
private fun raster(bitmap: Bitmap): Raster {
    val whole = if (bitmap.config == Bitmap.Config.ARGB_8888) bitmap else bitmap.copy(Bitmap.Config.ARGB_8888, false)
    val bytes = ByteBuffer.allocate(whole.byteCount)
    whole.copyPixelsToBuffer(bytes)
    val from = bytes.array()
    val result = Raster(whole.height, whole.width, 3)
    var at = 0
    for (y in 0 until whole.height) for (x in 0 until whole.width) {
        val pixel = y * whole.rowBytes + 4 * x
        for (c in 0 until 3) result.data[at++] = from[pixel + c]
    }
    return result
}

/** How a stored photo becomes upright; EXIF 2.3, tag 274. */
private fun turning(orientation: Int) = Matrix().apply {
    if (orientation in setOf(2, 4, 5, 7)) postScale(-1f, 1f)
    when (orientation) {
        3, 4 -> postRotate(180f)
        5, 8 -> postRotate(270f)
        6, 7 -> postRotate(90f)
    }
}

/** A raster as a bitmap. */
fun bitmapOf(raster: Raster): Bitmap {
    val pixels = IntArray(raster.height * raster.width) { (0xff shl 24) or (raster[3 * it] shl 16) or (raster[3 * it + 1] shl 8) or raster[3 * it + 2] }
    return Bitmap.createBitmap(pixels, raster.width, raster.height, Bitmap.Config.ARGB_8888)
}
