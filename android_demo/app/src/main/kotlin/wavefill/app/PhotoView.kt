package wavefill.app

import android.content.Context
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Paint
import android.graphics.Path
import android.graphics.PorterDuff
import android.graphics.PorterDuffXfermode
import android.graphics.RectF
import android.util.AttributeSet
import android.view.MotionEvent
import android.view.View
import wavefill.edit.Stroke
import wavefill.edit.Viewport
import wavefill.fill.Box
import kotlin.math.hypot

private const val PAINT_ALPHA = 140

/** The photo, its paint, and the fingers on it: one paints, two zoom and move. */
class PhotoView(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    private val viewport = Viewport()
    private val smooth = Paint(Paint.FILTER_BITMAP_FLAG)
    private val veil = Paint().apply { alpha = PAINT_ALPHA }
    private val paint = Paint(Paint.ANTI_ALIAS_FLAG).apply {
        style = Paint.Style.STROKE
        strokeCap = Paint.Cap.ROUND
        strokeJoin = Paint.Join.ROUND
        color = context.getColor(R.color.paint)
    }
    private val clear = PorterDuffXfermode(PorterDuff.Mode.CLEAR)

    private var preview: Preview? = null
    private var original: Preview? = null
    private var sharp: Bitmap? = null
    private var sharpBox: Box? = null
    private var strokes = emptyList<Pair<Stroke, Path>>()
    private val line = ArrayList<Float>()
    private var pinching = false
    private var lastX = 0f
    private var lastY = 0f
    private var lastSpread = 0f

    /** The brush on the screen. */
    var brushPixels = 60f
    var erasing = false

    /** Whether fingers paint. */
    var paintable = true
        set(value) {
            field = value
            if (!value) drop()
        }

    /** Shows the photo as it was. */
    var comparing = false
        set(value) {
            field = value
            invalidate()
        }

    /** Told of a finished stroke, in the coordinates of the photo as it was opened. */
    var painted: ((Stroke) -> Unit)? = null

    /** Told that another part is looked at. */
    var moved: (() -> Unit)? = null

    fun show(preview: Preview?, original: Preview?) {
        this.preview = preview
        this.original = original
        sharpen(null, null)
        fit()
    }

    fun show(strokes: List<Stroke>) {
        this.strokes = strokes.map { it to pathOf(it.points) }
        invalidate()
    }

    /** The part that is seen, at the photo's own pixels; null: the preview suffices. */
    fun sharpen(bitmap: Bitmap?, box: Box?) {
        sharp = bitmap
        sharpBox = box
        invalidate()
    }

    /** What of the canvas is seen, where a pixel of the preview is larger than one of the screen. */
    fun seen(): Box? {
        val shown = preview?.takeIf { it.sample > 1 && viewport.scale * it.sample > 1.5f } ?: return null
        val (height, width) = shown.canvas.height to shown.canvas.width
        return Box(
            viewport.photoY(0f).toInt().coerceIn(0, height), viewport.photoX(0f).toInt().coerceIn(0, width),
            (viewport.photoY(this.height.toFloat()).toInt() + 1).coerceIn(0, height), (viewport.photoX(this.width.toFloat()).toInt() + 1).coerceIn(0, width),
        ).takeIf { it.height > 0 && it.width > 0 }
    }

    override fun onSizeChanged(width: Int, height: Int, oldWidth: Int, oldHeight: Int) {
        super.onSizeChanged(width, height, oldWidth, oldHeight)
        fit()
    }

    private fun fit() {
        preview?.let { viewport.fit(width, height, it.canvas.width, it.canvas.height) }
        moved?.invoke()
        invalidate()
    }

    override fun onDraw(canvas: Canvas) {
        super.onDraw(canvas)
        val shown = (if (comparing) original else null) ?: preview ?: return
        canvas.save()
        canvas.translate(viewport.left, viewport.top)
        canvas.scale(viewport.scale, viewport.scale)
        canvas.drawBitmap(shown.bitmap, null, RectF(0f, 0f, shown.canvas.width.toFloat(), shown.canvas.height.toFloat()), smooth)
        if (!comparing) {
            val (tile, box) = sharp to sharpBox
            if (tile != null && box != null) canvas.drawBitmap(tile, null, rectangle(box), smooth)
            canvas.clipRect(0f, 0f, shown.canvas.width.toFloat(), shown.canvas.height.toFloat())
            // Strokes are kept in the coordinates of the photo as it was opened; the canvas may begin before it.
            canvas.translate(-shown.canvas.left.toFloat(), -shown.canvas.top.toFloat())
            drawStrokes(canvas)
        }
        canvas.restore()
    }

    /** In a layer of its own, so that paint on paint is no darker, and what was erased is clear. */
    private fun drawStrokes(canvas: Canvas) {
        if (strokes.isEmpty() && line.isEmpty()) return
        canvas.saveLayer(null, veil)
        for ((stroke, path) in strokes) draw(canvas, path, stroke.width, stroke.erase)
        if (line.isNotEmpty()) draw(canvas, pathOf(line.toFloatArray()), brushPixels / viewport.scale, erasing)
        canvas.restore()
    }

    private fun draw(canvas: Canvas, path: Path, width: Float, erase: Boolean) {
        paint.strokeWidth = width
        paint.xfermode = if (erase) clear else null
        canvas.drawPath(path, paint)
    }

    override fun onTouchEvent(event: MotionEvent): Boolean {
        val shown = preview ?: return super.onTouchEvent(event)
        when (event.actionMasked) {
            MotionEvent.ACTION_DOWN -> {
                pinching = false
                if (paintable) add(event.x, event.y, shown)
            }
            MotionEvent.ACTION_POINTER_DOWN -> {
                drop() // two fingers never paint
                pinching = true
                remember(event)
            }
            MotionEvent.ACTION_MOVE -> if (pinching) pinch(event) else if (line.isNotEmpty()) {
                for (i in 0 until event.historySize) add(event.getHistoricalX(i), event.getHistoricalY(i), shown)
                add(event.x, event.y, shown)
            }
            MotionEvent.ACTION_POINTER_UP -> remember(event)
            MotionEvent.ACTION_UP -> {
                if (line.isNotEmpty()) painted?.invoke(Stroke(erasing, brushPixels / viewport.scale, line.toFloatArray()))
                drop()
                if (pinching) moved?.invoke()
            }
            MotionEvent.ACTION_CANCEL -> drop()
        }
        return true
    }

    private fun add(x: Float, y: Float, shown: Preview) {
        line += viewport.photoX(x) + shown.canvas.left
        line += viewport.photoY(y) + shown.canvas.top
        invalidate()
    }

    private fun drop() {
        line.clear()
        invalidate()
    }

    private fun middle(event: MotionEvent): Triple<Float, Float, Float> {
        val lifted = if (event.actionMasked == MotionEvent.ACTION_POINTER_UP) event.actionIndex else -1
        val fingers = (0 until event.pointerCount).filter { it != lifted }.take(2)
        val x = fingers.map(event::getX).average().toFloat()
        val y = fingers.map(event::getY).average().toFloat()
        return Triple(x, y, if (fingers.size < 2) 0f else hypot(event.getX(fingers[1]) - event.getX(fingers[0]), event.getY(fingers[1]) - event.getY(fingers[0])))
    }

    private fun remember(event: MotionEvent) {
        val (x, y, spread) = middle(event)
        lastX = x
        lastY = y
        lastSpread = spread
    }

    private fun pinch(event: MotionEvent) {
        val (x, y, spread) = middle(event)
        viewport.pinch(lastX, lastY, x, y, if (spread > 0 && lastSpread > 0) spread / lastSpread else 1f)
        remember(event)
        invalidate()
    }

    private fun pathOf(points: FloatArray) = Path().apply {
        moveTo(points[0], points[1])
        if (points.size == 2) lineTo(points[0] + 0.01f, points[1]) // a point is a line too short to be seen
        for (i in 2 until points.size step 2) lineTo(points[i], points[i + 1])
    }

    private fun rectangle(box: Box) = RectF(box.left.toFloat(), box.top.toFloat(), box.right.toFloat(), box.bottom.toFloat())
}
