using System.Diagnostics.CodeAnalysis;

namespace EdgeAgent.Inputs;

/// <summary>
/// The images anywhere in a folder, .zip, .tar or .tar.gz, with or without class folders, in ordinal order of their names: for
/// what needs no labels. All members may be used from any thread.
/// </summary>
public sealed class UnlabelledImages : IDisposable
{
    private readonly IImageSource _source;
    private readonly string[] _names;

    private UnlabelledImages(IImageSource source, string[] names) => (_source, _names) = (source, names);

    /// <summary>Number of images, those that will not decode included.</summary>
    public int Count => _names.Length;

    /// <exception cref="InputException">Nothing there, not a folder, zip or tar, an unsafe archive, or no images.</exception>
    public static UnlabelledImages Open(string path)
    {
        var source = ImageSources.Open(path);
        try
        {
            string[] names = [.. source.Files.Where(f => ClassFolders.IsPartOfData(f) && ClassFolders.LooksLikeImage(f)).Order(StringComparer.Ordinal)];
            return names.Length > 0 ? new UnlabelledImages(source, names) : throw new InputException($"{path}: holds no images (.jpg, .jpeg, .png, .bmp)");
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    /// <summary>Reads and decodes an image.</summary>
    /// <param name="fault">Why there is none, beginning with the image's name.</param>
    public bool TryDecode(int index, [NotNullWhen(true)] out RgbImage? image, [NotNullWhen(false)] out string? fault)
    {
        image = ImageSources.Decode(_source, _names[index], out var reason);
        fault = image is null ? $"{_names[index]}: {reason}" : null;
        return image is not null;
    }

    public void Dispose() => _source.Dispose();
}
