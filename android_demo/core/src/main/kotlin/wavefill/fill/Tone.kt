package wavefill.fill

internal const val SIXTEENTH = 16
internal const val REACH = 4
private const val QUARTERS = 4

/** How often a raster is halved until one place is left, and once more. */
private fun halvings(raster: Raster) = Int.SIZE_BITS - maxOf(raster.height, raster.width).countLeadingZeroBits()

/** Known values spread over the others by halving and doubling: models/fill/membrane.py. */
internal fun spread(values: Numbers, known: BooleanArray, levels: Int): Numbers {
    val (height, width) = values.height to values.width
    val result = Numbers(height, width)
    for (i in known.indices) if (known[i]) values.data.copyInto(result.data, 3 * i, 3 * i, 3 * i + 3)
    if (levels == 0 || maxOf(height, width) == 1) return result
    val half = Numbers(ceilDiv(height, 2), ceilDiv(width, 2))
    val count = IntArray(half.height * half.width)
    for (y in 0 until height) for (x in 0 until width) {
        if (!known[y * width + x]) continue
        val to = (y shr 1) * half.width + (x shr 1)
        count[to]++
        for (c in 0 until 3) half.data[to * 3 + c] += values.data[(y * width + x) * 3 + c]
    }
    for (i in half.data.indices) {
        val divisor = maxOf(1, count[i / 3])
        half.data[i] = floorDiv(2 * half.data[i] + divisor, 2 * divisor)
    }
    val coarse = doubled(spread(half, BooleanArray(count.size) { count[it] > 0 }, levels - 1))
    for (y in 0 until height) for (x in 0 until width) {
        if (known[y * width + x]) continue
        for (c in 0 until 3) result.data[(y * width + x) * 3 + c] = coarse.data[(y * coarse.width + x) * 3 + c]
    }
    return result
}

/** Twice the size: weights 9, 3, 3, 1 of 16, rounded half up; the last value goes on at the border. */
private fun doubled(values: Numbers): Numbers {
    val (height, width) = values.height to values.width
    val result = Numbers(2 * height, 2 * width)
    for (y in 0 until 2 * height) {
        val near = y shr 1
        val far = (near + if (y % 2 == 1) 1 else -1).coerceIn(0, height - 1)
        for (x in 0 until 2 * width) {
            val own = x shr 1
            val beside = (own + if (x % 2 == 1) 1 else -1).coerceIn(0, width - 1)
            for (c in 0 until 3) {
                val sum = 9 * values.data[(near * width + own) * 3 + c] + 3 * values.data[(near * width + beside) * 3 + c] +
                    3 * values.data[(far * width + own) * 3 + c] + values.data[(far * width + beside) * 3 + c]
                result.data[(y * 2 * width + x) * 3 + c] = (sum + 8) shr 4
            }
        }
    }
    return result
}

/** Sums of what stands at the given places in the square around each pixel, cut off at the border; `value` gives what stands there. */
private fun boxSums(places: BooleanArray, height: Int, width: Int, reach: Int, channels: Int, value: (Int) -> Int): IntArray {
    val line = (width + 1) * channels
    val table = IntArray((height + 1) * line)
    for (y in 0 until height) for (x in 0 until width) for (c in 0 until channels) {
        val own = if (places[y * width + x]) value((y * width + x) * channels + c) else 0
        val at = (y + 1) * line + (x + 1) * channels + c
        table[at] = own + table[at - line] + table[at - channels] - table[at - line - channels]
    }
    val result = IntArray(height * width * channels)
    for (y in 0 until height) for (x in 0 until width) for (c in 0 until channels) {
        val top = maxOf(0, y - reach) * line
        val bottom = minOf(height, y + reach + 1) * line
        val left = maxOf(0, x - reach) * channels + c
        val right = minOf(width, x + reach + 1) * channels + c
        result[(y * width + x) * channels + c] = table[bottom + right] - table[top + right] - table[bottom + left] + table[top + left]
    }
    return result
}

private fun counts(places: BooleanArray, height: Int, width: Int, reach: Int) = boxSums(places, height, width, reach, 1) { 1 }

/** Places that touch known ones, corners included. */
internal fun bordering(hole: Raster, known: BooleanArray): BooleanArray {
    val near = counts(known, hole.height, hole.width, 1)
    return BooleanArray(near.size) { hole.has(it) && near[it] > 0 }
}

/** A correction in 1/16 of a level added in the hole: models/fill/tone.py and seam.py. */
internal fun corrected(pixels: Raster, hole: Raster, correction: Numbers): Raster {
    val result = pixels.copy()
    for (i in result.data.indices) {
        if (hole.has(i / 3)) result[i] = floorDiv(SIXTEENTH * pixels[i] + correction.data[i] + SIXTEENTH / 2, SIXTEENTH).coerceIn(0, 255)
    }
    return result
}

/** `factor` times quotients, rounded half up; 0 where nothing was counted. */
private fun rounded(total: IntArray, count: IntArray, factor: Int) = IntArray(total.size) {
    val n = count[it / 3]
    if (n > 0) floorDiv(2 * factor * total[it] + n, 2 * n) else 0
}

/** 16 times the mean of the pixels at the given places in the square around each pixel. */
private fun meansAround(pixels: Raster, places: BooleanArray): IntArray {
    val (height, width) = pixels.height to pixels.width
    return rounded(boxSums(places, height, width, REACH, 3) { pixels[it] }, counts(places, height, width, REACH), SIXTEENTH)
}

/** A thin hole's fill comes half way to the tone of the known pixels that touch it; `depth` is that of the box's pixels. */
internal fun withToneOfWhatItTouches(small: Raster, hole: Raster, depth: IntArray, box: Box): Raster {
    val (height, width) = hole.height to hole.width
    val inHole = BooleanArray(height * width) { hole.has(it) }
    val near = counts(inHole, height, width, 1)
    val outside = meansAround(small, BooleanArray(height * width) { !inHole[it] && near[it] > 0 })
    val inside = meansAround(small, inHole)
    val places = Raster(height, width, 1)
    for (y in 0 until box.height) for (x in 0 until box.width) {
        if (depth[y * box.width + x] in 1..REACH) places[(box.top + y) * width + box.left + x] = 1
    }
    return corrected(small, places, Numbers(height, width, IntArray(outside.size) { floorDiv(outside[it] - inside[it], 2) }))
}

/**
 * What is taken off a difference of brightness between photo and fill, because the photo itself varies: models/fill/tone.py.
 * `common` is the sum of the differences of red, green and blue.
 */
internal fun doubted(common: Int, pixels: Raster, known: BooleanArray, place: Int, variance: Int): Int {
    val (row, column) = place / pixels.width to place % pixels.width
    var count = 0L
    var total = 0L
    var squares = 0L
    for (y in maxOf(0, row - REACH)..minOf(pixels.height - 1, row + REACH)) {
        for (x in maxOf(0, column - REACH)..minOf(pixels.width - 1, column + REACH)) {
            val at = y * pixels.width + x
            if (!known[at]) continue
            val brightness = (pixels[3 * at] + pixels[3 * at + 1] + pixels[3 * at + 2]) / 3
            count++
            total += brightness
            squares += brightness * brightness
        }
    }
    val spread = count * squares - total * total
    val all = 3 * (variance * count * count + spread)
    return Math.floorDiv(2 * common * spread + all, 2 * all).toInt()
}

internal fun withToneOfTheBorder(small: Raster, hole: Raster, variance: Int): Raster {
    val (height, width) = hole.height to hole.width
    val inHole = BooleanArray(height * width) { hole.has(it) }
    val known = BooleanArray(height * width) { !hole.has(it) }
    val border = bordering(hole, known)
    val outside = meansAround(small, known)
    val inside = meansAround(small, inHole)
    val off = IntArray(border.size) {
        if (border[it]) doubted((0 until 3).sumOf { c -> outside[3 * it + c] - inside[3 * it + c] }, small, known, it, variance) else 0
    }
    val sums = boxSums(border, height, width, REACH, 3) { outside[it] - inside[it] - off[it / 3] }
    val smooth = Numbers(height, width, rounded(sums, counts(border, height, width, REACH), 1))
    return corrected(small, hole, spread(smooth, border, halvings(hole)))
}

/** Of how far the fill's colours are from interpolated ones, `kept` quarters stay: models/fill/colour.py. */
internal fun withLessColourOfItsOwn(small: Raster, hole: Raster, kept: Int): Raster {
    if (kept == QUARTERS) return small
    val (height, width) = hole.height to hole.width
    val all = Numbers(height, width, IntArray(small.data.size) { SIXTEENTH * small[it] })
    val smooth = spread(all, BooleanArray(height * width) { !hole.has(it) }, halvings(hole))
    val own = meansAround(small, BooleanArray(height * width) { hole.has(it) })
    val correction = Numbers(height, width)
    for (place in 0 until height * width) {
        if (!hole.has(place)) continue
        val difference = IntArray(3) { own[3 * place + it] - smooth.data[3 * place + it] }
        val grey = floorDiv(2 * difference.sum() + 3, 6)
        for (c in 0 until 3) correction.data[3 * place + c] = floorDiv(2 * (kept - QUARTERS) * (difference[c] - grey) + QUARTERS, 2 * QUARTERS)
    }
    return corrected(small, hole, correction)
}
