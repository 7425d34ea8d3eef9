package wavefill.fill

/** Bytes of an image, row by row, channels together; each byte is 0 to 255. */
class Raster(val height: Int, val width: Int, val channels: Int, val data: ByteArray = ByteArray(height * width * channels)) {
    init {
        require(data.size == height * width * channels) { "${height}x${width}x$channels values are needed, got ${data.size}" }
    }

    operator fun get(at: Int): Int = data[at].toInt() and 0xff

    operator fun set(at: Int, value: Int) {
        data[at] = value.toByte()
    }

    fun copy() = Raster(height, width, channels, data.copyOf())

    /** The part in a box, as a new raster. */
    fun cut(box: Box): Raster {
        val result = Raster(box.height, box.width, channels)
        for (y in 0 until box.height) {
            val from = ((box.top + y) * width + box.left) * channels
            data.copyInto(result.data, y * result.width * channels, from, from + result.width * channels)
        }
        return result
    }
}

/** Whole numbers of an image, three a pixel. */
class Numbers(val height: Int, val width: Int, val data: IntArray = IntArray(height * width * 3))

/** A box; bottom and right are not included. */
data class Box(val top: Int, val left: Int, val bottom: Int, val right: Int) {
    val height get() = bottom - top
    val width get() = right - left

    fun moved(down: Int, across: Int) = Box(top + down, left + across, bottom + down, right + across)

    /** In the coordinates of a window. */
    fun within(window: Box) = moved(-window.top, -window.left)

    fun intersection(other: Box): Box? {
        val box = Box(maxOf(top, other.top), maxOf(left, other.left), minOf(bottom, other.bottom), minOf(right, other.right))
        return if (box.top < box.bottom && box.left < box.right) box else null
    }
}

internal fun floorDiv(a: Int, b: Int) = Math.floorDiv(a, b)

internal fun floorDiv(a: Long, b: Long) = Math.floorDiv(a, b)

internal fun ceilDiv(a: Int, b: Int) = -Math.floorDiv(-a, b)

/** One in a place of a hole or a set of places. */
internal fun Raster.has(place: Int) = data[place].toInt() != 0
