package wavefill.fill

private const val BLOCK = 4
private const val ENOUGH = 8
private const val ALIKE = 5

/** Whether the hole lies in one texture whose shapes the network does not know: models/fill/texture.py. */
internal fun oneTexture(cells: Raster, holes: BooleanArray, known: BooleanArray): Boolean {
    val side = cells.height / BLOCK * BLOCK
    if (side == 0) return false
    val all = Box(0, 0, side, side)
    val whole = cells.cut(all)
    val smooth = enlarged(means(whole, side / 2, 2), 2, all)
    val around = mutableListOf<Long>()
    val inside = mutableListOf<Long>()
    for (row in 0 until side step BLOCK) for (column in 0 until side step BLOCK) {
        var energy = 0L
        var missing = 0
        var there = 0
        for (y in row until row + BLOCK) for (x in column until column + BLOCK) {
            if (holes[y * cells.width + x]) missing++
            if (known[y * cells.width + x]) there++
            for (i in 3 * (y * side + x) until 3 * (y * side + x) + 3) energy += (whole[i] - smooth[i]) * (whole[i] - smooth[i])
        }
        if (there == BLOCK * BLOCK) around += energy
        if (missing == BLOCK * BLOCK) inside += energy
    }
    if (around.size < ENOUGH || inside.isEmpty()) return false
    around.sort()
    val low = around[(around.size - 1) / 10]
    val high = around[9 * (around.size - 1) / 10]
    return high <= ALIKE * low && low * inside.size > inside.sum()
}
