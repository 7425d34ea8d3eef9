package wavefill.fill

/** What the fill does with detail from the photo; docs/fill.md has what each is for and how it was measured. */
data class Parameters(
    val band: Int = 4,
    val middle: Int = 3,
    val patch: Int = 4,
    val samples: Int = 4,
    val coherence: Int = 256,
    val reuse: Int = 51,
    val echo: Int = 128,
    val rows: Int = 512,
    val columns: Int = 128,
    val sweeps: Int = 4,
    val shallow: Int = 3,
    val fade: Int = 5,
    val toneVariance: Int = 30,
    val colour: Int = 2,
    val seamVariance: Int = 100,
    val seamLevels: Int = 4,
    val seamLimit: Int = 48,
    val coarse: Int = 2,
    val crowd: Int = 2,
)
