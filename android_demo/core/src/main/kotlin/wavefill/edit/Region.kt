package wavefill.edit

import wavefill.fill.Box
import wavefill.fill.Raster
import wavefill.fill.contextWindow
import wavefill.fill.floorDiv
import wavefill.fill.holeGroups

private const val FILL = 128

/**
 * The part of a photo that a fill looks at: filling it alone gives the same pixels as filling the whole photo.
 *
 * Groups of holes are found on a grid (docs/fill.md, 1); a part whose corner lies on that grid has the same groups. Around each stands a window (2), moved inside
 * the photo; a part that has all windows wholly moves them to the same places.
 *
 * @param mask over a box of the photo, and nothing is painted outside of it.
 * @param size of the network.
 */
fun regionOf(mask: Mask, height: Int, width: Int, size: Int): Box {
    val cell = maxOf(1, size / 2)
    fun onGrid(place: Int) = floorDiv(place, cell) * cell
    val outer = Box(onGrid(mask.box.top), onGrid(mask.box.left), mask.box.bottom, mask.box.right)
    val hole = Raster(outer.height, outer.width, 1)
    for (y in 0 until mask.box.height) for (x in 0 until mask.box.width) {
        if ((mask.data[y * mask.box.width + x].toInt() and 0xff) < FILL) continue
        hole[(mask.box.top - outer.top + y) * outer.width + mask.box.left - outer.left + x] = 1
    }
    val windows = holeGroups(hole, cell).map { contextWindow(it.moved(outer.top, outer.left), height, width, size) }
    return Box(
        onGrid(windows.minOf { it.top }), onGrid(windows.minOf { it.left }),
        windows.maxOf { it.bottom }, windows.maxOf { it.right },
    )
}
