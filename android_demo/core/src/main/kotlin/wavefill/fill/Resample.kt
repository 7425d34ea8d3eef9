package wavefill.fill

private const val ONE = 256

/** Means of blocks, rounded half up: models/fill/resample.py. */
internal fun means(pixels: Raster, grid: Int, factor: Int): Raster {
    val result = Raster(grid, grid, 3)
    val area = factor * factor
    for (row in 0 until grid) for (column in 0 until grid) for (c in 0 until 3) {
        var sum = 0
        for (y in row * factor until (row + 1) * factor) for (x in column * factor until (column + 1) * factor) sum += pixels[(y * pixels.width + x) * 3 + c]
        result[(row * grid + column) * 3 + c] = (sum + area / 2) / area
    }
    return result
}

/** Weights in 1/256 of Keys' cubic for each phase; the largest takes what is missing to 256. */
private fun kernels(factor: Int): Array<IntArray> = Array(factor) { phase ->
    val d = 2L * factor
    val n = Math.floorMod(2L * phase + 1 - factor, d)
    val scale = 2 * d * d * d
    val parts = longArrayOf(
        -(n * n * n) + 2 * n * n * d - n * d * d, 3 * n * n * n - 5 * n * n * d + 2 * d * d * d,
        -3 * n * n * n + 4 * n * n * d + n * d * d, n * n * n - n * n * d,
    )
    val row = IntArray(4) { floorDiv(2L * ONE * parts[it] + scale, 2 * scale).toInt() }
    row[row.indexOfFirst { it == row.max() }] += ONE - row.sum()
    row
}

/** Cubic interpolation by a whole factor, of the part of the result in a box. */
internal fun enlarged(pixels: Raster, factor: Int, box: Box): Raster {
    if (factor == 1) return pixels.cut(box)
    val table = kernels(factor)
    val line = box.width * 3
    /** For each wanted place the four that it is made of, clipped to the image, then their weights. */
    fun taps(first: Int, count: Int, length: Int) = IntArray(8 * count) { at ->
        val (i, tap) = at / 8 to at % 8
        val phase = (first + i) % factor
        val start = (first + i) / factor - (if (2 * phase + 1 < factor) 1 else 0) - 1
        if (tap < 4) (start + tap).coerceIn(0, length - 1) else table[phase][tap - 4]
    }
    val across = taps(box.left, box.width, pixels.width)
    val down = taps(box.top, box.height, pixels.height)
    val wide = arrayOfNulls<IntArray>(pixels.height)
    fun wideRow(y: Int): IntArray = wide[y] ?: IntArray(line) { at ->
        val (x, c) = at / 3 to at % 3
        var sum = 0
        for (tap in 0 until 4) sum += across[8 * x + 4 + tap] * pixels[(y * pixels.width + across[8 * x + tap]) * 3 + c]
        sum
    }.also { wide[y] = it }
    val result = Raster(box.height, box.width, 3)
    for (y in 0 until box.height) {
        val rows = Array(4) { wideRow(down[8 * y + it]) }
        val (p, q) = down[8 * y + 4] to down[8 * y + 5]
        val (r, s) = down[8 * y + 6] to down[8 * y + 7]
        for (i in 0 until line) {
            val value = p * rows[0][i] + q * rows[1][i] + r * rows[2][i] + s * rows[3][i]
            result[y * line + i] = floorDiv(value + ONE * ONE / 2, ONE * ONE).coerceIn(0, 255)
        }
    }
    return result
}
