package wavefill.app

import android.app.Activity
import android.app.AlertDialog
import android.content.ActivityNotFoundException
import android.content.Intent
import android.net.Uri
import android.os.Bundle
import android.os.Handler
import android.os.Looper
import android.view.MotionEvent
import android.view.View
import android.view.accessibility.AccessibilityManager
import android.widget.Button
import android.widget.CheckBox
import android.widget.SeekBar
import android.widget.TextView
import wavefill.edit.Editor
import wavefill.edit.State
import wavefill.edit.Work

private const val OPEN = 1
private const val SAVE = 2
private const val MESSAGE = "message"
private const val SHARPEN_AFTER_MS = 200L

/** The editor's screen: it shows what [Editor] holds, and tells it what was pressed. */
class EditActivity : Activity() {
    private val app get() = application as WavefillApplication
    private val editor: Editor get() = app.editor
    private val later = Handler(Looper.getMainLooper())
    private val sharpen = Runnable { drawSharp() }
    private lateinit var view: PhotoView
    private lateinit var drawing: PhotoDrawing
    private var before: State? = null

    /** What waits until nothing is under way: the picker's answer may come before the edit is back. */
    private var waiting: (() -> Unit)? = null

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.edit)
        view = findViewById(R.id.photo) as PhotoView
        drawing = PhotoDrawing(app, view)
        view.painted = editor::paint
        view.moved = {
            later.removeCallbacks(sharpen)
            later.postDelayed(sharpen, SHARPEN_AFTER_MS)
        }
        wire()
        text(R.id.message).text = savedInstanceState?.getCharSequence(MESSAGE)
        if (savedInstanceState == null) receive(intent)
    }

    private fun piece(id: Int): View = findViewById(id)

    private fun text(id: Int) = findViewById(id) as TextView

    private fun button(id: Int, pressed: () -> Unit) = (findViewById(id) as Button).setOnClickListener { pressed() }

    private fun wire() {
        button(R.id.open) { pick() }
        button(R.id.cancel) { editor.cancel() }
        button(R.id.fill) { editor.fill() }
        button(R.id.undo) { editor.undo() }
        button(R.id.redo) { editor.redo() }
        button(R.id.widen) { askHowToWiden(this, editor::widen) }
        button(R.id.save) { askWhere() }
        button(R.id.share) { share() }
        button(R.id.more) { more() }
        (findViewById(R.id.erase) as CheckBox).setOnCheckedChangeListener { _, checked -> view.erasing = checked }
        val size = findViewById(R.id.size) as SeekBar
        fun brush() {
            view.brushPixels = resources.displayMetrics.density * (8 + 0.88f * size.progress)
        }
        size.setOnSeekBarChangeListener(onSeek { brush() })
        brush()
        wireCompare(piece(R.id.compare))
    }

    /** Held by a finger; for those who cannot hold, as under TalkBack, a press turns it on and off. */
    private fun wireCompare(compare: View) {
        compare.setOnTouchListener { _, event ->
            when (event.actionMasked) {
                MotionEvent.ACTION_DOWN -> view.comparing = true
                MotionEvent.ACTION_UP, MotionEvent.ACTION_CANCEL -> view.comparing = false
            }
            false
        }
        compare.setOnClickListener {
            val reader = getSystemService(ACCESSIBILITY_SERVICE) as AccessibilityManager
            if (!reader.isTouchExplorationEnabled) return@setOnClickListener
            view.comparing = !view.comparing
            say(if (view.comparing) getString(R.string.original_shown) else "")
        }
    }

    override fun onStart() {
        super.onStart()
        editor.changed = ::show
        editor.failed = ::say
        before = null
        show()
    }

    override fun onStop() {
        editor.changed = null
        editor.failed = null
        later.removeCallbacks(sharpen)
        super.onStop()
    }

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        outState.putCharSequence(MESSAGE, text(R.id.message).text)
    }

    override fun onTrimMemory(level: Int) {
        super.onTrimMemory(level)
        view.sharpen(null, null)
    }

    // ------------------------------------------------------------------------------------------------ what is seen

    private fun say(sentence: String) {
        text(R.id.message).text = sentence
    }

    private fun show() {
        val state = editor.state
        val document = state.document
        showWork(state)
        piece(R.id.empty).visibility = if (document == null && state.work == null) View.VISIBLE else View.GONE
        piece(R.id.tools).visibility = if (document == null) View.GONE else View.VISIBLE
        val idle = state.work == null
        view.paintable = idle
        for (id in listOf(R.id.fill, R.id.widen, R.id.save, R.id.share)) piece(id).isEnabled = idle
        piece(R.id.undo).isEnabled = idle && document?.history?.canUndo == true
        piece(R.id.redo).isEnabled = idle && document?.history?.canRedo == true
        if (document !== before?.document) {
            if (document != null) {
                view.show(document.strokes)
                view.contentDescription = getString(R.string.photo_described, document.canvas.width, document.canvas.height, document.strokes.size)
            }
            drawing.draw(document)
        }
        announce(state)
        before = state
        if (idle) waiting?.also { waiting = null }?.invoke()
    }

    private fun showWork(state: State) {
        val names = mapOf(Work.OPENING to R.string.opening, Work.FILLING to R.string.filling, Work.WIDENING to R.string.widening, Work.SAVING to R.string.saving)
        piece(R.id.busy).visibility = if (state.work == null) View.GONE else View.VISIBLE
        val name = getString(names[state.work] ?: return)
        val bar = findViewById(R.id.busy_bar) as android.widget.ProgressBar
        bar.isIndeterminate = state.all == 0
        bar.max = maxOf(1, state.all)
        bar.progress = state.done
        text(R.id.busy_text).text = if (state.all == 0) name else getString(R.string.progress, name, 100 * state.done / state.all)
    }

    /** Says what a finished work did, once. */
    private fun announce(state: State) {
        val document = state.document ?: return
        if (state.document === before?.document) return
        if (before?.work == Work.OPENING) {
            val lost = editor.opened?.lost.orEmpty()
            val size = getString(R.string.photo_opened, document.canvas.width, document.canvas.height)
            say(if (lost.isEmpty()) size else "$size ${getString(R.string.photo_lost, lost.joinToString(", "))}")
        } else if (before?.work == Work.FILLING) {
            say(getString(R.string.filled))
        }
    }

    private fun drawSharp() {
        view.seen()?.let(drawing::sharpen)
    }

    // ------------------------------------------------------------------------------------------------ photos in and out

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        receive(intent)
    }

    private fun receive(intent: Intent) {
        if (intent.action != Intent.ACTION_SEND) return
        val uri = intent.getParcelableExtra<Uri>(Intent.EXTRA_STREAM) ?: return
        whenIdle { open(uri) }
    }

    private fun pick() = start(Intent(Intent.ACTION_OPEN_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE).setType("image/*"), OPEN)

    private fun start(intent: Intent, request: Int) = try {
        startActivityForResult(intent, request)
    } catch (error: ActivityNotFoundException) {
        say(getString(R.string.nobody))
    }

    private fun whenIdle(action: () -> Unit) {
        if (editor.state.work == null) action() else waiting = action
    }

    private fun open(uri: Uri) {
        fun take() {
            rememberName(this, uri)
            editor.open { streamOf(this, uri) }
        }
        if (editor.state.document?.history?.canUndo != true) return take()
        AlertDialog.Builder(this).setTitle(R.string.replace_title).setMessage(R.string.replace_text)
            .setPositiveButton(R.string.replace_yes) { _, _ -> take() }.setNegativeButton(R.string.cancel, null).show()
    }

    private fun askWhere() {
        val file = editor.opened ?: return
        start(
            Intent(Intent.ACTION_CREATE_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE).setType(file.mime).putExtra(Intent.EXTRA_TITLE, resultName(this, file)),
            SAVE,
        )
    }

    override fun onActivityResult(requestCode: Int, resultCode: Int, data: Intent?) {
        super.onActivityResult(requestCode, resultCode, data)
        val uri = data?.data?.takeIf { resultCode == RESULT_OK } ?: return
        whenIdle {
            if (requestCode == OPEN) open(uri) else editor.save(draftOf(this)) { finished ->
                deliver(this, finished, uri)
                app.screen.execute { say(getString(R.string.saved)) }
            }
        }
    }

    private fun share() {
        val file = editor.opened ?: return
        editor.save(draftOf(this)) { finished ->
            val shared = ShareProvider.offer(this, finished, resultName(this, file))
            app.screen.execute { startActivity(Intent.createChooser(shareIntent(shared, file.mime), getString(R.string.share))) }
        }
    }

    private fun more() {
        val screens = listOf(
            R.string.benchmark to BenchmarkActivity::class.java, R.string.parity to ParityActivity::class.java, R.string.about to AboutActivity::class.java,
        )
        val names = listOf(R.string.open) + screens.map { it.first }
        AlertDialog.Builder(this).setItems(names.map { getString(it) as CharSequence }.toTypedArray()) { _, chosen ->
            if (chosen == 0) pick() else startActivity(Intent(this, screens[chosen - 1].second))
        }.show()
    }
}
