using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace EdgeAgent.Inputs;

/// <summary>
/// A data set for classification: one folder of images per class, in a folder, a .zip, a .tar or a .tar.gz, also below one top folder.
/// Classes in ordinal order of their names are the labels 0, 1, ..., unless a model has them in another order; images are in
/// ordinal order of class and name. Hidden files and what operating systems leave behind are not part of it. All members may be used from any thread.
/// </summary>
public sealed class LabelledImages : IDisposable
{
    /// <summary>Stands in a hash for the length of an image that cannot be read.</summary>
    private const long Unreadable = -1;

    private readonly IImageSource _source;
    private readonly string _prefix;
    private readonly (string Name, int Class)[] _images;
    private readonly int[] _labels;
    private readonly Lazy<string> _sha256;

    private LabelledImages(string path, IImageSource source, IReadOnlyList<string>? order)
    {
        Path = path;
        _source = source;
        (_prefix, var classes, _images) = ClassFolders.Find(path, source);
        Classes = order is not null && order.Order(StringComparer.Ordinal).SequenceEqual(classes) ? order : classes;
        _labels = Array.ConvertAll(classes, c => Classes.Index().First(k => k.Item == c).Index);
        _sha256 = new Lazy<string>(Hash);
    }

    /// <summary>The folder or archive the images come from.</summary>
    public string Path { get; }

    /// <summary>Names of the classes; the index is the label.</summary>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>Number of images, those that will not decode included.</summary>
    public int Count => _images.Length;

    /// <summary>
    /// SHA-256, in hexadecimal, over name and content of every image in order, or its name alone where it cannot be read; a folder
    /// and an archive of the same files have the same. Computed at first use, by reading everything once.
    /// </summary>
    public string Sha256 => _sha256.Value;

    /// <param name="order">The classes in the order of a model's outputs, which labels then have if the data has these classes and no others.</param>
    /// <exception cref="InputException">
    /// Nothing there, not a folder, zip or tar, an unsafe archive, no images, fewer than two classes, or a class without images.
    /// </exception>
    public static LabelledImages Open(string path, IReadOnlyList<string>? order = null)
    {
        var source = ImageSources.Open(path);
        try
        {
            return new LabelledImages(path, source, order);
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    public int Label(int index) => _labels[_images[index].Class];

    /// <summary>Name of an image within the data set: class folder, '/', file.</summary>
    public string Name(int index) => _images[index].Name;

    /// <summary>The bytes of an image file.</summary>
    /// <exception cref="InputException">The file cannot be read.</exception>
    public byte[] Read(int index) => _source.Read(_prefix + _images[index].Name);

    /// <summary>Reads and decodes an image.</summary>
    /// <param name="fault">Why there is none, beginning with the image's name.</param>
    public bool TryDecode(int index, [NotNullWhen(true)] out RgbImage? image, [NotNullWhen(false)] out string? fault)
    {
        image = ImageSources.Decode(_source, _prefix + Name(index), out var reason);
        fault = image is null ? $"{Name(index)}: {reason}" : null;
        return image is not null;
    }

    public void Dispose() => _source.Dispose();

    private string Hash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> length = stackalloc byte[8];
        for (var i = 0; i < Count; i++)
        {
            // Lengths keep the boundary between name and content, and between files, unambiguous.
            var name = Encoding.UTF8.GetBytes(Name(i));
            BinaryPrimitives.WriteInt64LittleEndian(length, name.Length);
            hash.AppendData(length);
            hash.AppendData(name);
            var content = Content(i);
            BinaryPrimitives.WriteInt64LittleEndian(length, content?.Length ?? Unreadable);
            hash.AppendData(length);
            hash.AppendData(content ?? []);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Null for an image that is skipped because it cannot be read: it must not stop what goes on without it.</summary>
    private byte[]? Content(int index)
    {
        try
        {
            return Read(index);
        }
        catch (InputException)
        {
            return null;
        }
    }
}
