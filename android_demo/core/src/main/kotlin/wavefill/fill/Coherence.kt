package wavefill.fill

import kotlin.math.abs

private const val WHOLE = 256

private class Neighbour(val index: Int, val down: Int, val right: Int)

/** Which source each patch takes: alike, continuing its neighbours' sources, not the same one everywhere. models/fill/coherence.py. */
internal fun chosenSources(found: Matches, parameters: Parameters): IntArray {
    val (wanted, sources) = found.wanted to found.sources
    val all = sources.size
    val usual = usual(found)
    val distances = LongArray(found.distances.size)
    val best = IntArray(wanted.size)
    val uses = IntArray(all)
    for ((i, corner) in wanted.withIndex()) {
        var choice = 0
        for (j in 0 until all) {
            val far = parameters.rows.toLong() * abs(corner.first - sources[j].first) + parameters.columns.toLong() * abs(corner.second - sources[j].second)
            distances[i * all + j] = found.distances[i * all + j] + floorDiv(usual * far, WHOLE.toLong() * parameters.patch)
            if (distances[i * all + j] < distances[i * all + choice]) choice = j
        }
        best[i] = choice
        uses[choice]++
    }
    fun share(part: Int) = floorDiv(usual * part, WHOLE.toLong())
    val (bonus, penalty) = share(parameters.coherence) to share(parameters.reuse)
    val echo = share(parameters.echo)
    val height = 1 + sources.maxOf { it.first }
    val width = 1 + sources.maxOf { it.second }
    val numbers = IntArray(height * width) { -1 }
    for ((number, source) in sources.withIndex()) numbers[source.first * width + source.second] = number
    val neighbours = neighboursOf(wanted)
    val cost = LongArray(all)
    for (sweep in 0 until parameters.sweeps) for (turn in wanted.indices) {
        val i = if (sweep % 2 == 1) wanted.size - 1 - turn else turn
        uses[best[i]]--
        for (j in 0 until all) cost[j] = distances[i * all + j] + penalty * uses[j]
        for (neighbour in neighbours[i]) {
            val row = sources[best[neighbour.index]].first - neighbour.down
            val column = sources[best[neighbour.index]].second - neighbour.right
            for (r in maxOf(0, row - parameters.patch + 1) until minOf(height, row + parameters.patch)) {
                for (c in maxOf(0, column - parameters.patch + 1) until minOf(width, column + parameters.patch)) {
                    val near = numbers[r * width + c]
                    if (near >= 0) cost[near] += if (r == row && c == column) -bonus else echo
                }
            }
        }
        var choice = 0
        for (j in 1 until all) if (cost[j] < cost[choice]) choice = j
        best[i] = choice
        uses[choice]++
    }
    return best
}

/** A usual distance: the median of the least ones, and a little of all. */
private fun usual(found: Matches): Long {
    val all = found.sources.size
    val nearest = IntArray(found.wanted.size) { i -> (0 until all).minOf { found.distances[i * all + it] } }.sortedArray()
    val total = found.distances.fold(0L) { sum, distance -> sum + distance }
    return nearest[nearest.size / 2] + floorDiv(floorDiv(total, found.distances.size.toLong()), 64L) + 1
}

/** For each patch those above, below, left and right. */
private fun neighboursOf(wanted: List<Pair<Int, Int>>): List<List<Neighbour>> {
    val rows = wanted.map { it.first }.distinct().sorted()
    val columns = wanted.map { it.second }.distinct().sorted()
    val index = wanted.withIndex().associate { (i, corner) -> corner to i }
    return wanted.map { (row, column) ->
        val i = rows.indexOf(row)
        val j = columns.indexOf(column)
        val around = listOf(rows.getOrNull(i - 1) to column, rows.getOrNull(i + 1) to column, row to columns.getOrNull(j - 1), row to columns.getOrNull(j + 1))
        around.mapNotNull { (r, c) ->
            if (r == null || c == null) null else index[r to c]?.let { Neighbour(it, r - row, c - column) }
        }
    }
}
