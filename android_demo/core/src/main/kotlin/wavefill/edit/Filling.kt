package wavefill.edit

import wavefill.Failure
import wavefill.fill.Box
import wavefill.fill.Network
import wavefill.fill.Parameters
import wavefill.fill.Raster
import wavefill.fill.inpaint
import wavefill.photo.Pixels
import wavefill.photo.copyPart

/** What a fill takes for each pixel that it looks at: the photo, the mask, the result, and what is made in between. */
private const val BYTES_A_PIXEL = 24L

/** Says how far long work is, and whether it is still wanted. */
interface Progress {
    fun of(done: Int, all: Int)

    val cancelled: Boolean
}

/** Fills photos of a document with a network of one size. */
class Filling(private val network: Network, private val size: Int, private val freeBytes: () -> Long = ::freeHeap) {
    /**
     * Fills what is painted.
     *
     * @param photo as it is now.
     * @return where the pixels lie on the document's photo, and the pixels.
     * @throws Failure nothing is painted, nothing is left, or the memory does not suffice.
     * @throws java.util.concurrent.CancellationException it is not wanted any more.
     */
    fun fill(photo: Pixels, document: Document, progress: Progress): Pair<Box, Raster> {
        val canvas = document.canvas
        val mask = maskOf(document.strokes, canvas) ?: throw Failure("Nothing is painted. Paint over what should go, then fill.")
        val onCanvas = Mask(mask.box.within(canvas), mask.data)
        val pixels = filled(photo, onCanvas, null, progress)
        return mask.box to pixels
    }

    /**
     * Widens a photo, step by step.
     *
     * @param amount pixels to add.
     * @return the new canvas, where the pixels lie, and the pixels.
     */
    fun widen(photo: Pixels, document: Document, side: Side, amount: Int, progress: Progress): Triple<Box, Box, Raster> {
        val steps = widenings(document.canvas, side, amount)
        val last = steps.last()
        val strip = added(document.canvas, last)
        val made = Raster(strip.height, strip.width, 3)
        var before = document.canvas
        for ((index, canvas) in steps.withIndex()) {
            val grown = Grown(photo, document.canvas, strip, made, canvas)
            val part = added(before, canvas)
            val mask = Mask(part.within(canvas), ByteArray(part.height * part.width) { -1 })
            val pixels = filled(grown, mask, WIDENING, object : Progress {
                override fun of(done: Int, all: Int) = progress.of(index * all + done, steps.size * all)

                override val cancelled get() = progress.cancelled
            })
            copyPart(pixels, part, made, strip)
            before = canvas
        }
        return Triple(last, strip, made)
    }

    /** The pixels of the mask's box; grey where all is grey that they continue. */
    private fun filled(photo: Pixels, mask: Mask, parameters: Parameters?, progress: Progress): Raster {
        val region = regionOf(mask, photo.height, photo.width, size)
        val needed = BYTES_A_PIXEL * region.height * region.width
        if (needed > freeBytes()) {
            throw Failure(
                "This is too much at once for the memory that the app has (${megabytes(needed)} are needed, ${megabytes(freeBytes())} are free). " +
                    "Paint smaller parts and fill one after the other.",
            )
        }
        val whole = ByteArray(region.height * region.width)
        val inside = mask.box.within(region)
        for (y in 0 until inside.height) {
            mask.data.copyInto(whole, (inside.top + y) * region.width + inside.left, y * inside.width, (y + 1) * inside.width)
        }
        if (whole.all { it.toInt() and 0xff >= 128 }) throw Failure("Everything is painted: nothing of the photo is left to continue from.")
        val seen = photo.read(region)
        val result = inpaint(seen, whole, network, size, parameters ?: Parameters(), progress::of) { progress.cancelled }
        return result.cut(inside).also { if (isGrey(seen)) makeGrey(it) }
    }

    private fun megabytes(bytes: Long) = "${(bytes + (1 shl 20) - 1) shr 20} MB"
}

/** What the heap can still grow by. */
fun freeHeap(): Long = Runtime.getRuntime().run { maxMemory() - totalMemory() + freeMemory() }

/** A photo on a larger canvas, with what was made of it until now; the rest is empty. */
private class Grown(private val photo: Pixels, private val before: Box, private val strip: Box, private val made: Raster, private val canvas: Box) : Pixels {
    override val height get() = canvas.height
    override val width get() = canvas.width

    override fun read(box: Box): Raster {
        val place = box.moved(canvas.top, canvas.left)
        val result = Raster(box.height, box.width, 3)
        copyPart(made, strip, result, place)
        place.intersection(before)?.let { copyPart(photo.read(it.within(before)), it, result, place) }
        return result
    }
}
