package wavefill.edit

import java.io.File
import java.io.IOException
import java.io.InputStream
import java.io.OutputStream

/** Where a finished photo goes: a document of another app, of which no copy can be put in place of it at once. */
interface Place {
    /** What is there already; null: nothing, or nobody says. */
    fun read(): InputStream?

    /** Empties it for something new. */
    fun write(): OutputStream

    fun remove()
}

/**
 * Copies a finished file to its place. Where that fails, the place is as it was: a person may have chosen one that holds a photo, even the very one that was opened.
 *
 * @param finished is gone afterwards.
 * @param spare the app's own file, for what is there.
 * @throws IOException the place cannot be written, the disk is full, or the app whose place it is fails in a way of its own.
 */
fun deliver(finished: File, to: Place, spare: File) {
    try {
        to.read()?.use { there -> spare.outputStream().use { there.copyTo(it) } }
        try {
            copy(finished, to)
        } catch (error: IOException) {
            if (spare.length() > 0) copy(spare, to) else to.remove()
            throw error
        }
    } finally {
        finished.delete()
        spare.delete()
    }
}

private fun copy(file: File, to: Place) = try {
    to.write().use { target -> file.inputStream().use { it.copyTo(target) } }
} catch (error: RuntimeException) {
    throw IOException("the place cannot be written", error)
}
