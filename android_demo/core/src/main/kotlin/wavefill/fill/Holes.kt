package wavefill.fill

private const val CONTEXT = 2
private const val THICK = 4
private const val HOLE = 1
private const val THICK_HOLE = 2

/** Boxes around groups of holes that are near each other; what is long and thin is cut into pieces. Models/fill/holes.py. */
internal fun holeGroups(hole: Raster, cell: Int): List<Box> {
    val rows = ceilDiv(hole.height, cell)
    val columns = ceilDiv(hole.width, cell)
    val state = IntArray(rows * columns) { stateOf(hole, it / columns, it % columns, cell) }
    val taken = BooleanArray(rows * columns)
    val boxes = mutableListOf<Box>()
    for (start in state.indices) {
        if (state[start] == 0 || taken[start]) continue
        taken[start] = true
        val component = mutableListOf(start)
        var next = 0
        while (next < component.size) {
            val row = component[next] / columns
            val column = component[next] % columns
            for (r in maxOf(0, row - 1)..minOf(rows - 1, row + 1)) for (c in maxOf(0, column - 1)..minOf(columns - 1, column + 1)) {
                val place = r * columns + c
                if (state[place] != 0 && !taken[place]) {
                    taken[place] = true
                    component += place
                }
            }
            next++
        }
        val box = tightBox(hole, component, cell, columns)
        if (maxOf(box.height, box.width) > cell && component.none { state[it] == THICK_HOLE }) {
            for (place in component.sorted()) boxes += tightBox(hole, listOf(place), cell, columns)
        } else {
            boxes += box
        }
    }
    return boxes
}

/** 0: no hole in a cell; HOLE: some; THICK_HOLE: it covers a whole square of a quarter of the cell. */
private fun stateOf(hole: Raster, row: Int, column: Int, cell: Int): Int {
    val side = maxOf(1, floorDiv(cell, THICK))
    val count = floorDiv(cell, side)
    val squares = IntArray(count * count)
    var state = 0
    for (y in row * cell until minOf(hole.height, (row + 1) * cell)) for (x in column * cell until minOf(hole.width, (column + 1) * cell)) {
        if (!hole.has(y * hole.width + x)) continue
        state = HOLE
        val i = (y - row * cell) / side
        val j = (x - column * cell) / side
        if (i < count && j < count) squares[i * count + j]++
    }
    return if (squares.any { it == side * side }) THICK_HOLE else state
}

private fun tightBox(hole: Raster, component: List<Int>, cell: Int, columns: Int): Box {
    val rows = component.map { it / columns }
    val across = component.map { it % columns }
    val outer = Box(
        rows.min() * cell, across.min() * cell,
        minOf(hole.height, (rows.max() + 1) * cell), minOf(hole.width, (across.max() + 1) * cell),
    )
    return boundingBox(hole, outer)
}

/** The smallest box around everything set in a part; at least one must be. */
internal fun boundingBox(hole: Raster, outer: Box = Box(0, 0, hole.height, hole.width)): Box {
    var (top, left) = Int.MAX_VALUE to Int.MAX_VALUE
    var (bottom, right) = 0 to 0
    for (y in outer.top until outer.bottom) for (x in outer.left until outer.right) {
        if (!hole.has(y * hole.width + x)) continue
        top = minOf(top, y)
        left = minOf(left, x)
        bottom = maxOf(bottom, y + 1)
        right = maxOf(right, x + 1)
    }
    return Box(top, left, bottom, right)
}

/** The square around a group, with as much context as hole, moved inside the photo. */
internal fun contextWindow(group: Box, height: Int, width: Int, size: Int): Box {
    val side = size * ceilDiv(CONTEXT * maxOf(group.height, group.width), size)
    fun span(start: Int, stop: Int, length: Int): Pair<Int, Int> {
        val first = minOf(maxOf(0, floorDiv(start + stop - side, 2)), maxOf(0, length - side))
        return first to minOf(length, first + side)
    }
    val (top, bottom) = span(group.top, group.bottom, height)
    val (left, right) = span(group.left, group.right, width)
    return Box(top, left, bottom, right)
}
