package wavefill.edit

import wavefill.fill.Box

/** One thing that was done to a photo. All boxes are in the coordinates of the photo as it was opened, so that widening it moves nothing. */
sealed class Step {
    /** The brush. */
    class Paint(val stroke: Stroke) : Step()

    /**
     * Pixels that were made.
     *
     * @property file holds them: R, G, B, row by row.
     * @property box where they lie.
     * @property canvas the photo from then on.
     * @property filled the paint until then is done with; else the photo was widened.
     */
    class Pixels(val file: String, val box: Box, val canvas: Box, val filled: Boolean) : Step()
}

/** The steps that were done, and those that were undone and can be done again. */
class History(val steps: List<Step> = emptyList(), val done: Int = 0) {
    init {
        require(done in 0..steps.size) { "$done steps done of ${steps.size}" }
    }

    val canUndo get() = done > 0
    val canRedo get() = done < steps.size

    /** Those in effect, oldest first. */
    val inEffect get() = steps.subList(0, done)

    fun undone() = if (canUndo) History(steps, done - 1) else this

    fun redone() = if (canRedo) History(steps, done + 1) else this

    /** With one more; what was undone cannot be done again. */
    fun plus(step: Step) = History(inEffect + step, done + 1)
}

/**
 * A photo with what was done to it.
 *
 * @property photo the size that it was opened with, from 0, 0 on.
 */
class Document(val photo: Box, val history: History = History()) {
    /** The photo as it is now. */
    val canvas get() = patches.lastOrNull()?.canvas ?: photo

    /** What was made, oldest first. */
    val patches get() = history.inEffect.filterIsInstance<Step.Pixels>()

    /** The paint that is not filled yet. */
    val strokes get() = history.inEffect.let { steps ->
        steps.drop(1 + steps.indexOfLast { it is Step.Pixels && it.filled }).filterIsInstance<Step.Paint>().map { it.stroke }
    }

    fun with(history: History) = Document(photo, history)

    fun plus(step: Step) = with(history.plus(step))
}
