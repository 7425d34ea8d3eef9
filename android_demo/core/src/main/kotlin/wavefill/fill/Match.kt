package wavefill.fill

private const val MEAN_WEIGHT = 2

/** All patches of the hole against all known ones: models/fill/match.py. Corners are (row, column) in cells. */
internal class Matches(val wanted: List<Pair<Int, Int>>, val sources: List<Pair<Int, Int>>, val distances: IntArray)

internal fun matches(cells: Raster, reached: BooleanArray, known: BooleanArray, parameters: Parameters): Matches? {
    val side = cells.height
    val patch = parameters.patch
    val most = side - patch
    if (most < 0) return null
    val steps = (0..most step maxOf(1, patch / 2)).toMutableList()
    if (steps.last() != most) steps += most
    val holes = table(side, 1) { if (reached[it]) 1 else 0 }
    val unknown = table(side, 1) { if (known[it]) 0 else 1 }
    val wanted = mutableListOf<Pair<Int, Int>>()
    val sources = mutableListOf<Pair<Int, Int>>()
    for (row in steps) for (column in steps) if (sum(holes, side, 1, row, column, patch, 0) > 0) wanted += row to column
    for (row in 0..most) for (column in 0..most) if (sum(unknown, side, 1, row, column, patch, 0) == 0) sources += row to column
    if (wanted.isEmpty() || sources.isEmpty() || wanted.size > parameters.crowd * sources.size) return null
    val sums = table(side, 3) { cells[it] }
    val own = described(sums, side, wanted, patch, parameters.samples)
    val other = described(sums, side, sources, patch, parameters.samples)
    val dimension = 3 * parameters.samples * parameters.samples + 3
    val distances = IntArray(wanted.size * sources.size)
    for (i in wanted.indices) for (j in sources.indices) {
        var distance = 0
        for (k in 0 until dimension) {
            val difference = own[i * dimension + k] - other[j * dimension + k]
            distance += difference * difference
        }
        distances[i * sources.size + j] = distance
    }
    return Matches(wanted, sources, distances)
}

/** Sums over everything above and to the left. */
private fun table(side: Int, channels: Int, value: (Int) -> Int): IntArray {
    val line = (side + 1) * channels
    val table = IntArray((side + 1) * line)
    for (y in 0 until side) for (x in 0 until side) for (c in 0 until channels) {
        val at = (y + 1) * line + (x + 1) * channels + c
        table[at] = value((y * side + x) * channels + c) + table[at - line] + table[at - channels] - table[at - line - channels]
    }
    return table
}

private fun sum(table: IntArray, side: Int, channels: Int, row: Int, column: Int, size: Int, channel: Int): Int {
    val line = (side + 1) * channels
    val at = row * line + column * channels + channel
    return table[at + size * line + size * channels] - table[at + size * channels] - table[at + size * line] + table[at]
}

private fun described(table: IntArray, side: Int, corners: List<Pair<Int, Int>>, patch: Int, samples: Int): IntArray {
    val part = patch / samples
    val dimension = 3 * samples * samples + 3
    val result = IntArray(corners.size * dimension)
    fun mean(row: Int, column: Int, size: Int, c: Int) = floorDiv(2 * sum(table, side, 3, row, column, size, c) + size * size, 2 * size * size)
    for ((number, corner) in corners.withIndex()) {
        val (row, column) = corner
        val means = IntArray(3) { mean(row, column, patch, it) }
        var at = number * dimension
        for (i in 0 until samples) for (j in 0 until samples) for (c in 0 until 3) {
            result[at++] = (mean(row + part * i, column + part * j, part, c) - means[c]).coerceIn(-127, 127)
        }
        for (c in 0 until 3) result[at++] = MEAN_WEIGHT * means[c]
    }
    return result
}
