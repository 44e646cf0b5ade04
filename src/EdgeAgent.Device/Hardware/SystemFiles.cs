using System.Globalization;

namespace EdgeAgent.Device.Hardware;

/// <summary>Reads /proc and /sys below a root, so that recorded trees of real boards can be read in tests.</summary>
/// <param name="root">Usually <c>/</c>.</param>
internal sealed class SystemFiles(string root = "/")
{
    /// <summary>Kernel files are small; a bound keeps a recorded tree from being anything else.</summary>
    private const int MaxBytes = 1 << 20;

    public string Path(string absolute) => System.IO.Path.Combine(root, absolute.TrimStart('/'));

    /// <summary>The text without trailing blanks and NULs, or null where it cannot be read.</summary>
    public string? Text(string absolute)
    {
        try
        {
            using var reader = new StreamReader(Path(absolute));
            var buffer = new char[4096];
            var text = new System.Text.StringBuilder();
            int read;
            while ((read = reader.Read(buffer)) > 0 && text.Length < MaxBytes)
                text.Append(buffer, 0, read);
            return text.ToString().TrimEnd('\0', '\n', ' ', '\t');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    public long? Integer(string absolute) =>
        long.TryParse(Text(absolute), NumberStyles.Integer, CultureInfo.InvariantCulture, out var value) ? value : null;

    public IReadOnlyList<string> Lines(string absolute) => Text(absolute)?.Split('\n') ?? [];

    /// <summary>Names of the entries of a folder in ordinal order; none where it cannot be read.</summary>
    public IReadOnlyList<string> Entries(string absolute)
    {
        try
        {
            return [.. Directory.EnumerateFileSystemEntries(Path(absolute)).Select(e => System.IO.Path.GetFileName(e)).Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
