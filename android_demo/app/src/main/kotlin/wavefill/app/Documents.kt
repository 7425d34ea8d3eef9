package wavefill.app

import android.content.ContentResolver
import android.content.Context
import android.content.Intent
import android.database.Cursor
import android.net.Uri
import android.provider.DocumentsContract
import android.provider.OpenableColumns
import wavefill.edit.Place
import wavefill.edit.deliver
import wavefill.photo.PhotoFile
import java.io.File
import java.io.IOException
import java.io.InputStream

private const val NAMES = "names"
private const val NAME = "photo"

/** Keeps the name of the photo that is opened, for the result's. */
fun rememberName(context: Context, uri: Uri) {
    val name = try {
        context.contentResolver.query(uri, arrayOf(OpenableColumns.DISPLAY_NAME), null, null, null)?.use { cursor: Cursor ->
            if (cursor.moveToFirst()) cursor.getString(0) else null
        }
    } catch (error: RuntimeException) {
        null // other apps' providers throw what they like
    }
    context.getSharedPreferences(NAMES, Context.MODE_PRIVATE).edit().putString(NAME, name).apply()
}

/**
 * A photo of another app.
 *
 * @throws IOException that app does not give it, in whatever way it says so.
 */
fun streamOf(context: Context, uri: Uri): InputStream = try {
    context.contentResolver.openInputStream(uri)
} catch (error: RuntimeException) {
    throw IOException("the app that has it does not give it away", error)
} ?: throw IOException("the app that has it does not give it away")

/** What a result is called at first: the photo's name, with a word more, and the suffix of its kind. */
fun resultName(context: Context, file: PhotoFile): String {
    val name = context.getSharedPreferences(NAMES, Context.MODE_PRIVATE).getString(NAME, null) ?: "photo"
    return "${name.substringBeforeLast('.').ifEmpty { "photo" }.replace('/', '-')}-filled.${file.suffix}"
}

/** The app's own file that a photo is written to first. */
fun draftOf(context: Context) = File(context.cacheDir, "draft")

/**
 * Copies a finished file to where it is to go; where that fails, what is there is as it was.
 *
 * @throws IOException in whatever way it fails.
 */
fun deliver(context: Context, finished: File, to: Uri) {
    val resolver: ContentResolver = context.contentResolver
    val place = object : Place {
        override fun read() = try {
            resolver.openInputStream(to)
        } catch (error: IOException) {
            null
        } catch (error: RuntimeException) {
            null // other apps' providers throw what they like
        }

        override fun write() = resolver.openOutputStream(to, "wt") ?: throw IOException("the place cannot be written")

        override fun remove() = remove(resolver, to)
    }
    deliver(finished, place, File(context.cacheDir, "spare"))
}

private fun remove(resolver: ContentResolver, document: Uri) {
    try {
        DocumentsContract.deleteDocument(resolver, document)
    } catch (error: Exception) {
        return // it is not ours to remove; the sentence says that nothing was saved
    }
}

fun shareIntent(uri: Uri, mime: String): Intent = Intent(Intent.ACTION_SEND).setType(mime).putExtra(Intent.EXTRA_STREAM, uri)
    .addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION).apply { clipData = android.content.ClipData.newRawUri(null, uri) }
