using EdgeAgent.Compression.Data;

namespace EdgeAgent.Compression.Tests.Data;

public sealed class AugmentationTests
{
    private const int Width = 11, Height = 8;

    [Theory]
    [InlineData(0)]
    [InlineData(6)]
    public void Views_InPairs_AreMirrorImagesOfOneCrop(int view)
    {
        var augmentation = Augmentation.For(Width, Height);
        Assert.Equal((2, view / 2, view / 2), (augmentation.Sides, augmentation.CropOf(view), augmentation.CropOf(view + 1)));
        var pixels = Pixels();
        byte[] one = View(augmentation, pixels, view), other = View(augmentation, pixels, view + 1);
        Assert.NotEqual(one, other);
        Assert.Equal(one, Mirrored(other));
    }

    [Fact]
    public void Views_WithoutFlip_AreAllTheirOwnCropAndNeverMirrored()
    {
        var augmentation = new Augmentation(0, Flip: false);
        Assert.Equal((1, 5), (augmentation.Sides, augmentation.CropOf(5)));
        Assert.Equal(Pixels(), View(augmentation, Pixels(), 5));
        // With a margin the crop moves, but what is left of another pixel stays left of it.
        var view = View(new Augmentation(1, Flip: false), Gradient(), 3);
        for (var x = 2; x < Width - 1; x++)
            Assert.True(view[x * 3] > view[(x - 1) * 3]);
    }

    private static byte[] View(Augmentation augmentation, byte[] pixels, int view)
    {
        var result = new byte[pixels.Length];
        augmentation.Apply(pixels, Width, Height, view, CounterRandom.Of(1, 2, (ulong)augmentation.CropOf(view)), result);
        return result;
    }

    private static byte[] Pixels()
    {
        var pixels = new byte[Width * Height * 3];
        new Random(4).NextBytes(pixels);
        return pixels;
    }

    private static byte[] Gradient() => [.. Enumerable.Range(0, Width * Height * 3).Select(i => (byte)(i / 3 % Width * 20))];

    private static byte[] Mirrored(byte[] pixels)
    {
        var result = new byte[pixels.Length];
        for (var i = 0; i < pixels.Length; i++)
        {
            var (pixel, channel) = (i / 3, i % 3);
            result[i] = pixels[(pixel / Width * Width + Width - 1 - pixel % Width) * 3 + channel];
        }
        return result;
    }
}
