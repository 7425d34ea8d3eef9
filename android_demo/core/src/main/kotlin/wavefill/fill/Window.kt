package wavefill.fill

/** What the network is asked of a window: models/fill/window.py. */
internal class Scaled(val factor: Int, val image: Raster, val hole: Raster)

/** Fill one window; the box in it that is wanted, whose hole pixels alone are meant to be used. */
internal fun fillWindow(photo: Raster, hole: Raster, network: Network, size: Int, parameters: Parameters?, box: Box): Raster {
    val window = scaled(photo, hole, size)
    val asked = window.hole.data.any { it.toInt() != 0 }
    var small = window.image
    if (asked) {
        val answer = network.run(window.image.data.copyOf(), ByteArray(size * size) { if (window.hole.has(it)) -1 else 0 })
        require(answer.size == size * size * 3) { "the network's answer: ${size * size * 3} values are needed, got ${answer.size}" }
        small = window.image.copy()
        for (place in 0 until size * size) if (window.hole.has(place)) answer.copyInto(small.data, 3 * place, 3 * place, 3 * place + 3)
    } // else the hole is thinner than half a pixel of the network: its surroundings are the fill
    if (parameters == null) return enlarged(small, window.factor, box)
    val shallow = parameters.shallow
    if (asked && window.factor == 1 && shallow > 0 && depths(hole, box, shallow + 1).all { it <= shallow }) {
        return withToneOfWhatItTouches(small, window.hole, depths(hole, box, REACH + 1), box).cut(box)
    }
    val toned = if (asked) withToneOfTheBorder(small, window.hole, parameters.toneVariance) else small
    val plain = if (asked) withLessColourOfItsOwn(toned, window.hole, parameters.colour) else small
    val filled = withDetail(photo, hole, box, plain, window, parameters)
    fadeIn(filled, enlarged(plain, window.factor, box), hole, box, parameters.fade)
    val around = Box(maxOf(0, box.top - 1), maxOf(0, box.left - 1), minOf(hole.height, box.bottom + 1), minOf(hole.width, box.right + 1))
    val pixels = photo.cut(around)
    val holes = hole.cut(around)
    val inner = box.within(around)
    val part = Raster(pixels.height, pixels.width, 1)
    val known = Raster(pixels.height, pixels.width, 1)
    for (y in 0 until pixels.height) for (x in 0 until pixels.width) {
        val at = y * pixels.width + x
        known[at] = if (holes.has(at)) 0 else 1
        if (!holes.has(at) || y < inner.top || y >= inner.bottom || x < inner.left || x >= inner.right) continue
        part[at] = 1
        for (c in 0 until 3) pixels.data[at * 3 + c] = filled.data[((y - inner.top) * filled.width + x - inner.left) * 3 + c]
    }
    return withoutStep(pixels, part, known, parameters).cut(inner)
}

/** The mirror image beyond the border, as often as needed. */
private fun mirrored(index: Int, length: Int): Int {
    val place = index % (2 * length)
    return if (place < length) place else 2 * length - 1 - place
}

internal fun scaled(photo: Raster, hole: Raster, size: Int): Scaled {
    val factor = ceilDiv(maxOf(hole.height, hole.width), size)
    val height = ceilDiv(hole.height, factor)
    val width = ceilDiv(hole.width, factor)
    val count = IntArray(height * width)
    val total = IntArray(height * width * 3)
    val columns = IntArray(width * factor) { mirrored(it, hole.width) }
    for (y in 0 until height * factor) {
        val from = mirrored(y, hole.height) * hole.width
        for (x in columns.indices) {
            val source = from + columns[x]
            if (hole.has(source)) continue
            val place = y / factor * width + x / factor
            count[place]++
            for (c in 0 until 3) total[place * 3 + c] += photo[source * 3 + c]
        }
    }
    val least = if (factor == 1) 1 else minOf((factor * factor + 1) / 2, count.max())
    val image = Raster(size, size, 3)
    val smallHole = Raster(size, size, 1)
    for (y in 0 until size) for (x in 0 until size) {
        val source = mirrored(y, height) * width + mirrored(x, width)
        val known = count[source]
        if (known < least) {
            smallHole[y * size + x] = 1
        } else {
            for (c in 0 until 3) image[(y * size + x) * 3 + c] = (total[source * 3 + c] + known / 2) / known
        }
    }
    return Scaled(factor, image, smallHole)
}

private fun withDetail(photo: Raster, hole: Raster, box: Box, small: Raster, window: Scaled, parameters: Parameters): Raster {
    val found = transferred(photo, hole, box, small, window.factor, parameters)
    // Without a source, and in the margin that no cell covers where a network's size is no multiple of one, it is scaled up.
    val filled = enlarged(small, window.factor, box)
    val (part, pixels) = found ?: return filled
    val at = part.within(box)
    for (y in 0 until pixels.height) {
        pixels.data.copyInto(filled.data, ((at.top + y) * filled.width + at.left) * 3, y * pixels.width * 3, (y + 1) * pixels.width * 3)
    }
    return filled
}

/** A fill plus detail of the photo, over the part of a box that cells cover; null: there is no source. */
private fun transferred(photo: Raster, hole: Raster, box: Box, small: Raster, factor: Int, parameters: Parameters): Pair<Box, Raster>? {
    val band = parameters.band
    val grid = small.height / band
    val cell = band * factor
    if (grid == 0) return null
    val cells = means(small, grid, band)
    val holes = BooleanArray(grid * grid)
    val reached = BooleanArray(grid * grid)
    val known = BooleanArray(grid * grid)
    for (row in 0 until grid) for (column in 0 until grid) {
        val top = row * cell
        val left = column * cell
        var any = false
        for (y in top until minOf(top + cell, hole.height)) for (x in left until minOf(left + cell, hole.width)) any = any || hole.has(y * hole.width + x)
        val near = top > box.top - cell && top < box.bottom && left > box.left - cell && left < box.right
        holes[row * grid + column] = any
        reached[row * grid + column] = any && near
        known[row * grid + column] = !any && top + cell <= hole.height && left + cell <= hole.width
    }
    if (parameters.coarse > 1 && oneTexture(cells, holes, known)) {
        val larger = parameters.copy(band = band * parameters.coarse, middle = 4, coarse = 1)
        transferred(photo, hole, box, small, factor, larger)?.let { return it }
    }
    val found = matches(cells, reached, known, parameters) ?: return null
    val covered = Box(0, 0, minOf(hole.height, grid * cell), minOf(hole.width, grid * cell))
    val part = box.intersection(covered) ?: return null
    val best = chosenSources(found, parameters)
    val chosen = found.wanted.mapIndexed { i, (row, column) ->
        val (fromRow, fromColumn) = found.sources[best[i]]
        Patch(row * cell, column * cell, (fromRow - row) * cell, (fromColumn - column) * cell)
    }
    val low = enlarged(cells, cell, covered)
    val corners = refined(chosen, low, known, grid, cell, parameters.patch)
    val base = enlarged(withoutDetail(small, grid, parameters), factor, covered)
    val added = detail(photo, base, part, corners, parameters.patch * cell)
    val pixels = enlarged(small, factor, part)
    for (at in 0 until part.height * part.width * 3) {
        pixels[at] = (pixels[at] + added.data[at]).coerceIn(0, 255)
    }
    return part to pixels
}
