package wavefill.edit

import wavefill.artifact.parseJson
import wavefill.artifact.writeJson
import wavefill.fill.Box

private const val SCHEMA = "wavefill-edit-1"

/** A document as JSON, to outlive the process. */
fun writeDocument(document: Document): String = writeJson(
    mapOf(
        "schema" to SCHEMA,
        "photo" to numbers(document.photo),
        "done" to document.history.done,
        "steps" to document.history.steps.map { step ->
            when (step) {
                is Step.Paint -> mapOf(
                    "erase" to step.stroke.erase, "width" to step.stroke.width.toDouble(), "points" to step.stroke.points.map { it.toDouble() },
                )
                is Step.Pixels -> mapOf(
                    "file" to step.file, "box" to numbers(step.box), "canvas" to numbers(step.canvas), "filled" to step.filled,
                )
            }
        },
    ),
)

/** @throws IllegalArgumentException it is not one of ours. */
fun readDocument(text: String): Document {
    val tree = parseJson(text) as? Map<*, *> ?: wrong("an object is expected")
    if (tree["schema"] != SCHEMA) wrong("schema: $SCHEMA is expected")
    val steps = (tree["steps"] as? List<*> ?: wrong("steps: a list is expected")).map { item ->
        val step = item as? Map<*, *> ?: wrong("a step: an object is expected")
        if ("points" in step) paint(step) else pixels(step)
    }
    val done = tree["done"] as? Long ?: wrong("done: a number is expected")
    if (done !in 0..steps.size) wrong("done: $done of ${steps.size} steps")
    return Document(box(tree["photo"]), History(steps, done.toInt()))
}

private fun paint(step: Map<*, *>): Step {
    val points = (step["points"] as? List<*>)?.map { number(it) } ?: wrong("points: a list is expected")
    if (points.size < 2 || points.size % 2 != 0) wrong("points: pairs are expected")
    return Step.Paint(Stroke(step["erase"] as? Boolean ?: wrong("erase: true or false is expected"), number(step["width"]), points.toFloatArray()))
}

private fun pixels(step: Map<*, *>): Step {
    val file = step["file"] as? String ?: wrong("file: a name is expected")
    if ('/' in file) wrong("file: a name is expected")
    return Step.Pixels(file, box(step["box"]), box(step["canvas"]), step["filled"] as? Boolean ?: wrong("filled: true or false is expected"))
}

private fun numbers(box: Box) = listOf(box.top, box.left, box.bottom, box.right)

private fun box(value: Any?): Box {
    val sides = (value as? List<*>)?.map { (it as? Long)?.toInt() ?: wrong("a box: whole numbers are expected") }
    if (sides?.size != 4 || sides[0] >= sides[2] || sides[1] >= sides[3]) wrong("a box: top, left, bottom, right are expected")
    return Box(sides[0], sides[1], sides[2], sides[3])
}

private fun number(value: Any?): Float = (value as? Number)?.toFloat() ?: wrong("a number is expected")

private fun wrong(what: String): Nothing = throw IllegalArgumentException("not a saved edit: $what")
