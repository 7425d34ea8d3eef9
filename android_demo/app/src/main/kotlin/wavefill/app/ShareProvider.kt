package wavefill.app

import android.content.ContentProvider
import android.content.ContentValues
import android.content.Context
import android.database.Cursor
import android.database.MatrixCursor
import android.net.Uri
import android.os.ParcelFileDescriptor
import android.provider.OpenableColumns
import android.webkit.MimeTypeMap
import java.io.File
import java.io.FileNotFoundException

private const val AUTHORITY = "wavefill.app.share"
private const val FOLDER = "shared"

/** Reads out files of one folder of the cache, to whom they were shared with. */
class ShareProvider : ContentProvider() {
    override fun onCreate() = true

    private fun file(uri: Uri): File {
        val name = uri.lastPathSegment
        val folder = File(context!!.cacheDir, FOLDER)
        // Only names that are in the folder: no path leads out of it.
        return folder.listFiles()?.firstOrNull { it.name == name } ?: throw FileNotFoundException(uri.toString())
    }

    override fun getType(uri: Uri): String? = MimeTypeMap.getSingleton().getMimeTypeFromExtension(file(uri).extension)

    override fun openFile(uri: Uri, mode: String): ParcelFileDescriptor {
        if (mode != "r") throw SecurityException("files are read only")
        return ParcelFileDescriptor.open(file(uri), ParcelFileDescriptor.MODE_READ_ONLY)
    }

    override fun query(uri: Uri, projection: Array<String>?, selection: String?, selectionArgs: Array<String>?, sortOrder: String?): Cursor {
        val file = file(uri)
        val columns = projection ?: arrayOf(OpenableColumns.DISPLAY_NAME, OpenableColumns.SIZE)
        val known = mapOf<String, Any>(OpenableColumns.DISPLAY_NAME to file.name, OpenableColumns.SIZE to file.length())
        return MatrixCursor(columns, 1).apply { addRow(columns.map { known[it] }) }
    }

    override fun insert(uri: Uri, values: ContentValues?): Uri? = throw UnsupportedOperationException()

    override fun update(uri: Uri, values: ContentValues?, selection: String?, selectionArgs: Array<String>?) = throw UnsupportedOperationException()

    override fun delete(uri: Uri, selection: String?, selectionArgs: Array<String>?) = throw UnsupportedOperationException()

    companion object {
        /** Puts a file where it can be shared, in place of what was shared before. */
        fun offer(context: Context, file: File, name: String): Uri {
            val folder = File(context.cacheDir, FOLDER)
            folder.deleteRecursively()
            folder.mkdirs()
            if (!file.renameTo(File(folder, name))) throw java.io.IOException("the file cannot be moved")
            return Uri.Builder().scheme("content").authority(AUTHORITY).appendPath(name).build()
        }
    }
}
