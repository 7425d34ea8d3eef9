package wavefill.photo

import wavefill.fill.Box
import java.io.File
import java.io.OutputStream
import java.util.concurrent.CancellationException

private const val STRIP_BYTES = 12 shl 20

/**
 * Writes a photo strip by strip, so that it is never in memory as a whole, with what its file said.
 *
 * @param to the file; one that is there is replaced.
 * @param changes what was done to the photo, where it still has its size: a JPEG keeps the bits of all other blocks then, as far as its kind allows.
 * @param progress told how many rows of all are written.
 * @param cancelled asked between strips.
 * @return whether blocks were taken over from a JPEG.
 * @throws CancellationException it was cancelled; what was written until then is no photo.
 * @throws java.io.IOException the disk is full, or the place cannot be written.
 */
fun savePhoto(
    pixels: Pixels,
    file: PhotoFile,
    to: File,
    changes: Changes? = null,
    progress: (done: Int, all: Int) -> Unit = { _, _ -> },
    cancelled: () -> Boolean = { false },
): Boolean {
    fun <T> writing(write: (OutputStream) -> T): T = to.outputStream().buffered(1 shl 16).use(write)
    if (changes != null && file.storedSegments != null) {
        try {
            writing { splice(pixels, file, file.storedSegments, changes, it, progress, cancelled) }
            return true
        } catch (error: Unsuitable) {
            // Written anew below: what is wrong with a scan shows as late as in its last block.
        }
    }
    writing { encode(pixels, file, it, progress, cancelled) }
    return false
}

private fun splice(
    pixels: Pixels, file: PhotoFile, segments: List<Segment>, changes: Changes, to: OutputStream, progress: (Int, Int) -> Unit, cancelled: () -> Boolean,
) = changes.source().buffered(1 shl 16).use { source ->
    val (before, after) = stored(changes.before, file.orientation) to stored(pixels, file.orientation)
    val turning = Turned(after, file.orientation)
    JpegSplice(source, before, after, changes.boxes.map(turning::place)).write(to, segments, progress, cancelled)
}

private fun encode(pixels: Pixels, file: PhotoFile, to: OutputStream, progress: (Int, Int) -> Unit, cancelled: () -> Boolean) {
    val (height, width) = pixels.height to pixels.width
    // A multiple of every form's unit.
    val rows = maxOf(16, STRIP_BYTES / (3 * width) / 16 * 16)
    val jpeg = file.form?.let { JpegEncoder(to, height, width, it, file.segments) }
    val png = if (jpeg == null) PngEncoder(to, height, width, file.chunks) else null
    for (top in 0 until height step rows) {
        if (cancelled()) throw CancellationException("saving was cancelled")
        val strip = pixels.read(Box(top, 0, minOf(height, top + rows), width))
        jpeg?.write(strip)
        png?.write(strip)
        progress(top + strip.height, height)
    }
    jpeg?.finish()
    png?.finish()
}
