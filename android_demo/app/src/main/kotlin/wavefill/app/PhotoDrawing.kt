package wavefill.app

import wavefill.edit.Document
import wavefill.edit.Edited
import wavefill.fill.Box
import java.io.IOException

private const val MOST_SHARP_PIXELS = 4_000_000L

/** Makes what a [PhotoView] shows, away from the screen's thread; what is overtaken by a newer one is dropped. */
class PhotoDrawing(private val app: WavefillApplication, private val view: PhotoView) {
    private var latest = 0
    private var drawn: List<Any>? = null

    /** Draws a photo anew where its pixels changed. */
    fun draw(document: Document?) {
        // Paint alone changes no pixel.
        val shown = document?.let { listOf(it.photo, it.canvas) + it.patches.map { patch -> patch.file } }
        if (shown != null && shown == drawn) return
        drawn = shown
        val turn = ++latest
        val photo = app.editor.original
        val edited = app.editor.current() as Edited?
        app.drawer.execute {
            val (now, then) = guarded {
                if (document == null || photo == null) null to null
                else previewOf(photo, document, edited) to if (document.patches.isEmpty()) null else previewOf(photo, document, null)
            } ?: (null to null)
            app.screen.execute { if (turn == latest) view.show(now, then) }
        }
    }

    /** Draws a part of the canvas at the photo's own pixels. */
    fun sharpen(box: Box) {
        if (box.height.toLong() * box.width > MOST_SHARP_PIXELS) return
        val turn = latest
        val photo = app.editor.current() ?: return
        app.drawer.execute {
            val part = guarded { bitmapOf(photo.read(box)) }
            app.screen.execute { if (turn == latest) view.sharpen(part, part?.let { box }) }
        }
    }

    /** A preview that cannot be made is left out: the photo itself is untouched, and filling says what is wrong. */
    private fun <T> guarded(make: () -> T): T? = try {
        make()
    } catch (error: OutOfMemoryError) {
        null
    } catch (error: wavefill.Failure) {
        null
    } catch (error: IOException) {
        null // the photo was replaced meanwhile
    }
}
