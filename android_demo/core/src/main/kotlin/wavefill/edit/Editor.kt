package wavefill.edit

import wavefill.Failure
import wavefill.fill.Box
import wavefill.photo.Changes
import wavefill.photo.PhotoFile
import wavefill.photo.Pixels
import wavefill.photo.savePhoto
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.util.concurrent.CancellationException
import java.util.concurrent.Executor

/** Long work that can be under way. */
enum class Work { OPENING, FILLING, WIDENING, SAVING }

/**
 * What the screen shows of an editor.
 *
 * @property work what is under way; null: nothing.
 * @property done, all how far it is; both 0 where that is not known yet.
 */
class State(val document: Document?, val work: Work?, val done: Int, val all: Int)

/**
 * The editor behind the screen: it outlives screens (rotation), and a new one goes on where a dead one was (process death).
 *
 * @param store where the edit is kept.
 * @param decode the photo as it is to be looked at; throws [Failure] where it is none.
 * @param filling made at the first fill; throws [Failure] where the model is not the one it should be.
 * @param worker runs one thing after the other.
 * @param screen runs what the screen is told, on its thread.
 */
class Editor(
    private val store: DocumentStore,
    private val decode: (File, PhotoFile) -> Pixels,
    filling: () -> Filling,
    private val worker: Executor,
    private val screen: Executor,
) {
    private val filling by lazy(filling)
    private var photo: Pixels? = null
    private var file: PhotoFile? = null

    @Volatile
    private var cancelled = false

    /** What the screen shows; changed on its thread only. */
    @Volatile
    var state = State(null, null, 0, 0)
        private set

    /** Told of every change; null while no screen is there. */
    var changed: (() -> Unit)? = null

    /** Told a sentence; kept until a screen is there to show it. */
    var failed: ((String) -> Unit)? = null
        set(value) {
            field = value
            if (value != null) unsaid.toList().also { unsaid.clear() }.forEach(value)
        }
    private val unsaid = ArrayList<String>()

    /** The photo's kind and what will be lost; null: none is open. */
    val opened get() = file

    /** The photo as it was opened, for comparing. */
    val original: Pixels? get() = photo

    /** The photo as it is now. */
    fun current(): Pixels? = state.document?.let { document -> photo?.let { Edited(it, document, store) } }

    /** Goes on with what was kept. */
    fun restore() = work(Work.OPENING) {
        val document = store.load() ?: return@work
        take()
        set(document)
    }

    /** Opens a photo in place of the one before, which stays where the new one cannot be opened. */
    fun open(stream: () -> InputStream) = work(Work.OPENING) {
        val copy = try {
            stream().use { store.receive(it) }
        } catch (error: IOException) {
            throw Failure("The photo could not be opened: ${reason(error)}", error)
        } catch (error: SecurityException) {
            throw Failure("The photo could not be opened: the app that has it does not give it away any more.", error)
        }
        try {
            decode(copy, PhotoFile.read { copy.inputStream() })
            store.replace(copy)
        } finally {
            copy.delete()
        }
        val pixels = take()
        set(Document(Box(0, 0, pixels.height, pixels.width)).also(store::save))
    }

    private fun take(): Pixels {
        val described = PhotoFile.read { store.photo.inputStream() }
        return decode(store.photo, described).also {
            photo = it
            file = described
        }
    }

    fun paint(stroke: Stroke) = change { it.plus(Step.Paint(stroke)) }

    fun undo() = change { it.with(it.history.undone()) }

    fun redo() = change { it.with(it.history.redone()) }

    private fun change(step: (Document) -> Document) {
        if (state.work != null) return
        val document = step(state.document ?: return)
        show(State(document, null, 0, 0))
        worker.execute { guarded { store.save(document) } }
    }

    fun fill() = work(Work.FILLING) { progress ->
        val document = state.document ?: return@work
        val (box, pixels) = filling.fill(current() ?: return@work, document, progress)
        set(document.plus(Step.Pixels(store.keep(pixels), box, document.canvas, true)).also(store::save))
    }

    /** Widens the photo at a side by a share of its length there, in percent. */
    fun widen(side: Side, percent: Int) = work(Work.WIDENING) { progress ->
        val document = state.document ?: return@work
        val length = if (side == Side.LEFT || side == Side.RIGHT) document.canvas.width else document.canvas.height
        val (canvas, box, pixels) = filling.widen(current() ?: return@work, document, side, maxOf(1, length * percent / 100), progress)
        set(document.plus(Step.Pixels(store.keep(pixels), box, canvas, false)).also(store::save))
    }

    /**
     * Writes the photo at full size with its metadata, first to a file of the app's own, then to where it is to go, so that a full disk leaves no half
     * photo.
     *
     * @param draft the app's own file.
     * @param deliver takes the finished file; throws IOException.
     */
    fun save(draft: File, deliver: (File) -> Unit) = work(Work.SAVING) { progress ->
        val pixels = current() ?: return@work
        try {
            savePhoto(pixels, file ?: return@work, draft, changes(), progress::of) { progress.cancelled }
            deliver(draft)
        } catch (error: IOException) {
            draft.delete()
            throw Failure("The photo could not be saved: ${reason(error)} What you did is still here.", error)
        } catch (error: CancellationException) {
            draft.delete()
            throw error
        }
    }

    /** What was done to the photo; null: it was widened, and no block of it is where it was. */
    private fun changes(): Changes? {
        val (document, before) = (state.document ?: return null) to (photo ?: return null)
        if (document.canvas != document.photo) return null
        return Changes({ store.photo.inputStream() }, before, document.patches.map { it.box })
    }

    fun cancel() {
        cancelled = true
    }

    private fun work(kind: Work, task: (Progress) -> Unit) {
        if (state.work != null) return
        cancelled = false
        show(State(state.document, kind, 0, 0))
        worker.execute {
            guarded {
                task(object : Progress {
                    override fun of(done: Int, all: Int) = screen.execute { show(State(state.document, kind, done, all)) }

                    override val cancelled get() = this@Editor.cancelled
                })
            }
            screen.execute { show(State(state.document, null, 0, 0)) }
        }
    }

    private fun guarded(task: () -> Unit) {
        try {
            task()
        } catch (error: CancellationException) {
            return
        } catch (failure: Failure) {
            say(failure.message.orEmpty())
        } catch (error: OutOfMemoryError) {
            say("The memory of the app does not suffice for this. Nothing was changed. Paint smaller parts, or close other apps.")
        } catch (error: IOException) {
            say("Something could not be read or written: ${reason(error)} Nothing was changed.")
        }
    }

    private fun set(document: Document?) = screen.execute { show(State(document, state.work, state.done, state.all)) }

    private fun say(sentence: String) = screen.execute { failed?.invoke(sentence) ?: unsaid.add(sentence) }

    private fun show(next: State) {
        state = next
        changed?.invoke()
    }
}
