package wavefill.fill

/** Sources shifted by parts of a cell, those with one offset together, to where the low band fits best: models/fill/refine.py. */
internal fun refined(patches: List<Patch>, low: Raster, known: BooleanArray, grid: Int, cell: Int, patch: Int): List<Patch> {
    val step = maxOf(1, cell / 4)
    val shifts = listOf(0 to 0) + (-2..1).flatMap { a -> (-2..1).map { b -> a * step to b * step } }.filter { it != 0 to 0 }
    val best = patches.groupBy { it.down to it.across }.mapValues { (_, same) ->
        shifts.filter { (a, b) -> same.all { allowed(it.row + it.down + a, it.column + it.across + b, known, grid, cell, patch) } }
            .minByOrNull { (a, b) -> same.sumOf { cost(it, a, b, low, cell, patch) } } ?: (0 to 0)
    }
    return patches.map {
        val (a, b) = best.getValue(it.down to it.across)
        Patch(it.row, it.column, it.down + a, it.across + b)
    }
}

/** Whether every cell that a patch with its corner at a pixel touches is known. */
private fun allowed(row: Int, column: Int, known: BooleanArray, grid: Int, cell: Int, patch: Int): Boolean {
    val top = floorDiv(row, cell)
    val left = floorDiv(column, cell)
    val bottom = floorDiv(row + patch * cell - 1, cell)
    val right = floorDiv(column + patch * cell - 1, cell)
    if (top < 0 || left < 0 || bottom >= grid || right >= grid) return false
    return (top..bottom).all { r -> (left..right).all { c -> known[r * grid + c] } }
}

/** Sum of squared differences of the low bands in the middle of each cell. */
private fun cost(one: Patch, a: Int, b: Int, low: Raster, cell: Int, patch: Int): Long {
    var sum = 0L
    for (i in 0 until patch) {
        val y = one.row + cell * i + cell / 2
        val own = minOf(y, low.height - 1) * low.width
        val other = (y + one.down + a).coerceIn(0, low.height - 1) * low.width
        for (j in 0 until patch) {
            val x = one.column + cell * j + cell / 2
            val to = 3 * (own + minOf(x, low.width - 1))
            val from = 3 * (other + (x + one.across + b).coerceIn(0, low.width - 1))
            for (c in 0 until 3) {
                val gap = low[to + c] - low[from + c]
                sum += gap * gap
            }
        }
    }
    return sum
}
