package wavefill.fill

/** No step at the hole's border that the photo does not have: models/fill/seam.py. */
internal fun withoutStep(pixels: Raster, hole: Raster, known: Raster, parameters: Parameters): Raster {
    val there = BooleanArray(hole.data.size) { known.has(it) }
    val border = bordering(hole, there)
    val limit = SIXTEENTH * parameters.seamLimit
    val step = Numbers(hole.height, hole.width)
    for (place in border.indices) {
        if (!border[place]) continue
        val outside = nearMean(pixels, known, place)
        val inside = nearMean(pixels, hole, place)
        val off = doubted(outside.sum() - inside.sum(), pixels, there, place, parameters.seamVariance)
        for (c in 0 until 3) step.data[place * 3 + c] = (outside[c] - inside[c] - off).coerceIn(-limit, limit)
    }
    return corrected(pixels, hole, spread(step, border, parameters.seamLevels))
}

/** Mean of the given places in the 3x3 square around a pixel, in 1/16 of a level. */
private fun nearMean(pixels: Raster, places: Raster, place: Int): IntArray {
    val row = place / places.width
    val column = place % places.width
    val sums = IntArray(3)
    var count = 0
    for (y in maxOf(0, row - 1)..minOf(places.height - 1, row + 1)) for (x in maxOf(0, column - 1)..minOf(places.width - 1, column + 1)) {
        val at = y * places.width + x
        if (!places.has(at)) continue
        count++
        for (c in 0 until 3) sums[c] += pixels[at * 3 + c]
    }
    return IntArray(3) { if (count > 0) floorDiv(2 * SIXTEENTH * sums[it] + count, 2 * count) else 0 }
}
