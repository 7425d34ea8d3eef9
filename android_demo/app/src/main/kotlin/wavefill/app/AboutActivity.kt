package wavefill.app

import android.app.Activity
import android.os.Bundle
import android.view.View
import android.widget.ArrayAdapter
import android.widget.Button
import android.widget.ListView
import android.widget.TextView
import wavefill.Failure

private const val SHORT_HASH = 12

/** Privacy, the weights' licence, and the licences of what is built in. */
class AboutActivity : Activity() {
    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.page)
        (findViewById(R.id.title) as TextView).setText(R.string.about)
        (findViewById(R.id.text) as TextView).text = try {
            val manifest = (application as WavefillApplication).artifact.manifest
            val version = packageManager.getPackageInfo(packageName, 0).versionName
            getString(R.string.about_text, version, manifest.name, manifest.size, manifest.checkpointSha256.take(SHORT_HASH), manifest.licence)
        } catch (failure: Failure) {
            failure.message
        }
        val licences = findViewById(R.id.first) as Button
        licences.setText(R.string.licences)
        licences.visibility = View.VISIBLE
        licences.setOnClickListener { showLicences() }
    }

    /** Paragraph by paragraph: there are a thousand, too many for one text. */
    private fun showLicences() {
        val texts = assets.list("licences").orEmpty().sorted().map { name -> assets.open("licences/$name").use { String(it.readBytes()) } }
        val paragraphs = texts.flatMap { it.split(Regex("\\n\\s*\\n")) }.filter { it.isNotBlank() }
        val list = ListView(this)
        list.fitsSystemWindows = true
        list.divider = null
        list.adapter = ArrayAdapter(this, android.R.layout.simple_list_item_1, paragraphs)
        setContentView(list)
    }
}
