package wavefill.fill

/** What is larger than half a cell, with less of what is smaller than a whole one: models/fill/bands.py. */
internal fun withoutDetail(small: Raster, grid: Int, parameters: Parameters): Raster {
    val band = parameters.band
    val half = maxOf(1, band / 2)
    val all = Box(0, 0, grid * band, grid * band)
    val cells = enlarged(means(small, grid, band), band, all)
    val result = enlarged(means(small, grid * band / half, half), half, all)
    for (at in result.data.indices) result[at] = (parameters.middle * cells[at] + (4 - parameters.middle) * result[at] + 2) / 4
    return result
}
