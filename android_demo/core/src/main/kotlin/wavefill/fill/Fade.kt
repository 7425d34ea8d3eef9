package wavefill.fill

/** Chessboard distances of a box's pixels to the nearest known one, cut off at `most`: models/fill/fade.py. */
internal fun depths(hole: Raster, box: Box, most: Int): IntArray {
    val top = maxOf(0, box.top - most)
    val left = maxOf(0, box.left - most)
    val bottom = minOf(hole.height, box.bottom + most)
    val right = minOf(hole.width, box.right + most)
    // A margin of one all around: beyond the photo nothing is known.
    val width = right - left + 2
    val depth = IntArray((bottom - top + 2) * width) { most }
    fun place(y: Int, x: Int) = (y - top + 1) * width + x - left + 1
    for (y in top until bottom) for (x in left until right) if (!hole.has(y * hole.width + x)) depth[place(y, x)] = 0
    fun near(at: Int, step: Int) {
        if (depth[at] == 0) return
        val least = minOf(minOf(depth[at - step], depth[at - width * step - 1]), minOf(depth[at - width * step], depth[at - width * step + 1]))
        depth[at] = minOf(depth[at], 1 + least)
    }
    for (y in top until bottom) for (x in left until right) near(place(y, x), 1)
    for (y in bottom - 1 downTo top) for (x in right - 1 downTo left) near(place(y, x), -1)
    return IntArray(box.height * box.width) { depth[place(box.top + it / box.width, box.left + it % box.width)] }
}

/** Let the detail of a box begin at the hole's border, in place, over `fade` half pixels. */
internal fun fadeIn(filled: Raster, plain: Raster, hole: Raster, box: Box, fade: Int) {
    val depth = depths(hole, box, (fade + 1) / 2)
    for (i in filled.data.indices) {
        val share = 2 * depth[i / 3]
        if (share < fade) filled[i] = (filled[i] * share + plain[i] * (fade - share) + fade / 2) / fade
    }
}
