package wavefill.edit

/**
 * Which part of a photo is seen, and how large: pinch zoom and pan without a screen.
 *
 * @property scale screen pixels of a photo's pixel.
 * @property left, top where the photo's corner is on the screen.
 */
class Viewport {
    var scale = 1f
        private set
    var left = 0f
        private set
    var top = 0f
        private set
    private var screenWidth = 1f
    private var screenHeight = 1f
    private var photoWidth = 1f
    private var photoHeight = 1f

    /** The scale at which the whole photo is seen. */
    val whole get() = minOf(screenWidth / photoWidth, screenHeight / photoHeight)

    /** Another screen or another photo: the whole of it is seen, unless it is the same photo and it was looked at closely. */
    fun fit(screenWidth: Int, screenHeight: Int, photoWidth: Int, photoHeight: Int) {
        val same = this.photoWidth == photoWidth.toFloat() && this.photoHeight == photoHeight.toFloat() && scale > whole
        val middle = photoX(this.screenWidth / 2) to photoY(this.screenHeight / 2)
        this.screenWidth = maxOf(1, screenWidth).toFloat()
        this.screenHeight = maxOf(1, screenHeight).toFloat()
        this.photoWidth = photoWidth.toFloat()
        this.photoHeight = photoHeight.toFloat()
        if (same) {
            left = this.screenWidth / 2 - middle.first * scale
            top = this.screenHeight / 2 - middle.second * scale
        } else {
            scale = whole
        }
        settle()
    }

    fun photoX(screenX: Float) = (screenX - left) / scale

    fun photoY(screenY: Float) = (screenY - top) / scale

    /** Two fingers moved: the point of the photo that was between them stays between them. */
    fun pinch(fromX: Float, fromY: Float, toX: Float, toY: Float, factor: Float) {
        val (x, y) = photoX(fromX) to photoY(fromY)
        scale = (scale * factor).coerceIn(whole, maxOf(whole, CLOSEST))
        left = toX - x * scale
        top = toY - y * scale
        settle()
    }

    /** The photo fills the screen where it can, and stands in the middle where it cannot. */
    private fun settle() {
        scale = scale.coerceIn(whole, maxOf(whole, CLOSEST))
        left = settled(left, photoWidth * scale, screenWidth)
        top = settled(top, photoHeight * scale, screenHeight)
    }

    private fun settled(start: Float, length: Float, screen: Float) =
        if (length <= screen) (screen - length) / 2 else start.coerceIn(screen - length, 0f)

    private companion object {
        const val CLOSEST = 8f
    }
}
