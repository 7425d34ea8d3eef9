package wavefill.app

import android.app.Activity
import android.app.AlertDialog
import android.view.View
import android.widget.RadioGroup
import android.widget.SeekBar
import android.widget.TextView
import wavefill.edit.Side

private val SIDES = mapOf(R.id.left to Side.LEFT, R.id.right to Side.RIGHT, R.id.top to Side.TOP, R.id.bottom to Side.BOTTOM)
private const val LEAST = 5
private const val STEP = 5

/** Asks at which side a photo is to grow, and how much: 5 to 45 percent of its length. */
fun askHowToWiden(activity: Activity, chosen: (Side, Int) -> Unit) {
    val view = View.inflate(activity, R.layout.widen, null)
    val bar = view.findViewById(R.id.percent) as SeekBar
    val by = view.findViewById(R.id.by) as TextView
    fun percent() = LEAST + STEP * bar.progress
    fun tell() {
        by.text = activity.getString(R.string.widen_by, percent())
        bar.contentDescription = by.text
    }
    bar.setOnSeekBarChangeListener(onSeek { tell() })
    tell()
    AlertDialog.Builder(activity).setTitle(R.string.widen_title).setView(view)
        .setPositiveButton(R.string.widen) { _, _ -> chosen(SIDES.getValue((view.findViewById(R.id.side) as RadioGroup).checkedRadioButtonId), percent()) }
        .setNegativeButton(R.string.cancel, null).show()
}

/** A listener of a bar that moves. */
fun onSeek(moved: () -> Unit) = object : SeekBar.OnSeekBarChangeListener {
    override fun onProgressChanged(bar: SeekBar, progress: Int, byUser: Boolean) = moved()

    override fun onStartTrackingTouch(bar: SeekBar) = Unit

    override fun onStopTrackingTouch(bar: SeekBar) = Unit
}
