package wavefill.edit

import wavefill.Failure
import wavefill.fill.Box
import wavefill.fill.Raster
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.io.RandomAccessFile

private const val PHOTO = "photo"
private const val DOCUMENT = "edit.json"

/**
 * An edit on the disk: a copy of the photo, what was made, and what was done. Each file appears whole or not at all, and what was done is written last, so that
 * a process that dies at any moment loses nothing that was seen.
 *
 * @param folder the app's own; made if it is not there.
 */
class DocumentStore(private val folder: File) {
    /** The copy of the photo, byte for byte. */
    val photo get() = File(folder, PHOTO)

    /** What was being worked on; null: nothing, or it is damaged. */
    fun load(): Document? {
        val text = File(folder, DOCUMENT)
        if (!text.isFile || !photo.isFile) return null
        return try {
            readDocument(text.readText()).takeIf { document ->
                document.history.steps.filterIsInstance<Step.Pixels>().all { File(folder, it.file).length() == 3L * it.box.height * it.box.width }
            }
        } catch (error: IllegalArgumentException) {
            null
        } catch (error: IOException) {
            null
        }
    }

    /**
     * Copies a photo, without touching the one before.
     *
     * @throws Failure it cannot be read, or the disk is full.
     */
    fun receive(photo: InputStream): File = written("The photo could not be opened") { to -> to.outputStream().use { photo.copyTo(it) } }

    /** Puts a copy that was received in place of the photo before, and forgets what was done to that. */
    fun replace(copy: File) {
        clear()
        rename(copy, photo)
    }

    /** @throws Failure the disk is full. */
    fun save(document: Document) {
        rename(written("What you did could not be kept") { it.writeText(writeDocument(document)) }, File(folder, DOCUMENT))
        val used = document.history.steps.filterIsInstance<Step.Pixels>().map { it.file } + PHOTO + DOCUMENT
        folder.listFiles()?.filter { it.name !in used }?.forEach { it.delete() }
    }

    /**
     * Keeps pixels under a name of their own.
     *
     * @throws Failure the disk is full.
     */
    fun keep(pixels: Raster): String {
        val file = generateSequence(1) { it + 1 }.map { File(folder, "pixels-$it") }.first { !it.exists() }
        rename(written("The fill could not be kept") { it.writeBytes(pixels.data) }, file)
        return file.name
    }

    /** A part of what was made. */
    fun read(step: Step.Pixels, part: Box): Raster {
        val result = Raster(part.height, part.width, 3)
        val inside = part.within(step.box)
        RandomAccessFile(File(folder, step.file), "r").use { file ->
            for (y in 0 until part.height) {
                file.seek(3L * ((inside.top + y).toLong() * step.box.width + inside.left))
                file.readFully(result.data, 3 * y * part.width, 3 * part.width)
            }
        }
        return result
    }

    fun clear() {
        File(folder, DOCUMENT).delete() // first: without it the rest is nothing
        folder.listFiles()?.filter { !it.name.endsWith(UNFINISHED) }?.forEach { it.delete() }
    }

    private fun written(failed: String, write: (File) -> Unit): File {
        folder.mkdirs()
        val file = File.createTempFile("new", UNFINISHED, folder)
        try {
            write(file)
        } catch (error: IOException) {
            file.delete()
            throw Failure("$failed: ${reason(error)}", error)
        }
        return file
    }

    private fun rename(from: File, to: File) {
        if (!from.renameTo(to)) throw Failure("A file could not be written: the disk refuses it.")
    }

    private companion object {
        const val UNFINISHED = ".unfinished"
    }
}

/** Why something could not be read or written, to follow a colon. */
fun reason(error: IOException): String {
    val text = generateSequence<Throwable>(error) { it.cause }.joinToString(" ") { it.message.orEmpty() }
    return if ("ENOSPC" in text || "No space left" in text) "the disk is full." else "${error.message ?: error.javaClass.simpleName}."
}
