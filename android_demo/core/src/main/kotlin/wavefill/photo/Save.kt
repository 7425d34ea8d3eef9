package wavefill.photo

import wavefill.fill.Box
import java.io.OutputStream
import java.util.concurrent.CancellationException

private const val STRIP_BYTES = 12 shl 20

/**
 * Writes a photo strip by strip, so that it is never in memory as a whole, with what its file said.
 *
 * @param progress told how many rows of all are written.
 * @param cancelled asked between strips.
 * @throws CancellationException it was cancelled; what was written until then is no photo.
 * @throws java.io.IOException the disk is full, or the place cannot be written.
 */
fun savePhoto(
    pixels: Pixels,
    file: PhotoFile,
    to: OutputStream,
    progress: (done: Int, all: Int) -> Unit = { _, _ -> },
    cancelled: () -> Boolean = { false },
) {
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
