package wavefill.fill

import java.util.concurrent.CancellationException

/** The network of one size: image (size, size, 3) and mask (size, size) of 0 and 255 in, result (size, size, 3) out. */
fun interface Network {
    fun run(image: ByteArray, mask: ByteArray): ByteArray
}

private const val MASK_THRESHOLD = 128

/**
 * Fill the hole of a photo of any size: models/fill in Kotlin, equal to it byte for byte (docs/fill.md).
 *
 * @param photo three channels; not changed.
 * @param mask one byte a pixel, 128 and more: fill.
 * @param size the network's height and width.
 * @param parameters null: the network's fill alone, scaled up.
 * @param progress told how many holes of how many are done.
 * @param cancelled asked between holes.
 * @return a new raster, equal to the photo wherever the mask says keep.
 * @throws IllegalArgumentException wrong sizes, or a mask that keeps nothing.
 * @throws CancellationException it was cancelled.
 */
fun inpaint(
    photo: Raster,
    mask: ByteArray,
    network: Network,
    size: Int,
    parameters: Parameters? = Parameters(),
    progress: (done: Int, all: Int) -> Unit = { _, _ -> },
    cancelled: () -> Boolean = { false },
): Raster {
    require(photo.channels == 3) { "photo: three channels are needed" }
    require(mask.size == photo.height * photo.width) { "mask: ${photo.height} x ${photo.width} values are needed, got ${mask.size}" }
    val unknown = Raster(photo.height, photo.width, 1)
    for (i in mask.indices) unknown[i] = if ((mask[i].toInt() and 0xff) >= MASK_THRESHOLD) 1 else 0
    require(unknown.data.any { it.toInt() == 0 }) { "the mask is full: it keeps no pixel of the photo to continue from" }
    val result = photo.copy()
    val groups = holeGroups(unknown, maxOf(1, floorDiv(size, 2)))
    for ((index, group) in groups.withIndex()) {
        if (cancelled()) throw CancellationException("the fill was cancelled")
        val paste = unknown.cut(group)
        if (paste.data.any { it.toInt() != 0 }) {
            val window = contextWindow(group, photo.height, photo.width, size)
            val filled = fillWindow(result.cut(window), unknown.cut(window), network, size, parameters, group.within(window))
            for (y in 0 until paste.height) for (x in 0 until paste.width) {
                if (!paste.has(y * paste.width + x)) continue
                val to = (group.top + y) * photo.width + group.left + x
                for (c in 0 until 3) result.data[to * 3 + c] = filled.data[(y * paste.width + x) * 3 + c]
                unknown[to] = 0 // known to the groups after it, so that neighbours agree
            }
        }
        progress(index + 1, groups.size)
    }
    return result
}
