using EdgeAgent.Inputs;
using StbImageWriteSharp;

namespace EdgeAgent.Tests.Inputs;

/// <summary>Images and data sets small enough to make within a test.</summary>
internal static class TestImages
{
    public static RgbImage Gradient(int width, int height, int seed = 0)
    {
        var pixels = new byte[width * height * 3];
        for (var i = 0; i < pixels.Length; i++)
            pixels[i] = (byte)(i * 7 + seed * 31);
        return new RgbImage(width, height, pixels);
    }

    public static byte[] Png(RgbImage image) => Write(image, (writer, stream) =>
        writer.WritePng(image.Pixels, image.Width, image.Height, ColorComponents.RedGreenBlue, stream));

    public static byte[] Bmp(RgbImage image) => Write(image, (writer, stream) =>
        writer.WriteBmp(image.Pixels, image.Width, image.Height, ColorComponents.RedGreenBlue, stream));

    public static byte[] Jpeg(RgbImage image) => Write(image, (writer, stream) =>
        writer.WriteJpg(image.Pixels, image.Width, image.Height, ColorComponents.RedGreenBlue, stream, 90));

    private static byte[] Write(RgbImage image, Action<ImageWriter, Stream> write)
    {
        using var stream = new MemoryStream();
        write(new ImageWriter(), stream);
        return stream.ToArray();
    }
}

/// <summary>A folder of its own, gone at the end of the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("edge-agent-tests-").FullName;

    public string Write(string name, byte[] content)
    {
        var path = System.IO.Path.Combine(Path, name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
        return path;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
