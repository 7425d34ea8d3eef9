package wavefill.photo

import wavefill.fill.Box
import wavefill.fill.Raster

/** A photo of which parts can be read; a large one is never in memory as a whole. */
interface Pixels {
    val height: Int
    val width: Int

    /** The pixels in a box, three channels; the box lies inside the photo. */
    fun read(box: Box): Raster
}

/** A photo that is in memory. */
class RasterPixels(private val raster: Raster) : Pixels {
    override val height get() = raster.height
    override val width get() = raster.width

    override fun read(box: Box) = raster.cut(box)
}

/** Copies a part of one raster into another, both in the coordinates of the same photo. */
internal fun copyPart(from: Raster, fromBox: Box, to: Raster, toBox: Box) {
    val part = fromBox.intersection(toBox) ?: return
    val channels = from.channels
    for (y in part.top until part.bottom) {
        val start = ((y - fromBox.top) * from.width + part.left - fromBox.left) * channels
        from.data.copyInto(to.data, ((y - toBox.top) * to.width + part.left - toBox.left) * channels, start, start + part.width * channels)
    }
}
