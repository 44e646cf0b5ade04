namespace EdgeAgent.Graph.Import;

/// <summary>
/// A model cannot be read. The message is one line: the file, where in it (node, tensor or byte offset), what is wrong
/// and what to do.
/// </summary>
public sealed class ModelImportException : Exception
{
    public ModelImportException(string path, string fault, Exception? cause = null)
        : base($"{OneLine(path, 400)}: {OneLine(fault, 4000)}", cause) => Path = path;

    /// <summary>The file as the caller named it.</summary>
    public string Path { get; }

    /// <summary>Names inside a broken file can be anything: keep messages printable, on one line and of bounded length.</summary>
    internal static string OneLine(string text, int limit = 80)
    {
        var shown = text.Length > limit ? text[..limit] + "..." : text;
        return string.Create(shown.Length, shown, (span, source) =>
        {
            for (var i = 0; i < span.Length; i++)
                span[i] = char.IsControl(source[i]) || char.IsSurrogate(source[i]) ? '?' : source[i];
        });
    }
}
