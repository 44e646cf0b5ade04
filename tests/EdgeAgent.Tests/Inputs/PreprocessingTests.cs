using EdgeAgent.Inputs;
using Xunit;

namespace EdgeAgent.Tests.Inputs;

public sealed class PreprocessingTests
{
    [Fact]
    public void Apply_WithDefaults_PutsPixelsIntoChannelPlanes()
    {
        var image = new RgbImage(2, 1, [10, 20, 30, 40, 50, 60]);
        var tensor = new float[6];
        new Preprocessing(2, 1).Apply(image, tensor);
        Assert.Equal([10, 40, 20, 50, 30, 60], tensor);
    }

    [Fact]
    public void Apply_ChannelsLast_KeepsPixelOrder()
    {
        var image = new RgbImage(2, 1, [10, 20, 30, 40, 50, 60]);
        var tensor = new float[6];
        new Preprocessing(2, 1) { Layout = TensorLayout.Nhwc }.Apply(image, tensor);
        Assert.Equal([10, 20, 30, 40, 50, 60], tensor);
    }

    [Fact]
    public void Apply_WithScaleMeanAndStd_NormalisesEachChannelByItsOwn()
    {
        var tensor = new float[3];
        var preprocessing = new Preprocessing(1, 1) { Scale = 1f / 255, Mean = new(0.1f, 0.2f, 0.3f), Std = new(1, 2, 4) };
        preprocessing.Apply(new RgbImage(1, 1, [255, 0, 51]), tensor);
        Assert.Equal([(255 * (1f / 255) - 0.1f) / 1, (0 - 0.2f) / 2, (51 * (1f / 255) - 0.3f) / 4], tensor);
    }

    [Theory]
    [InlineData(255, 0, 0, 76)]
    [InlineData(0, 255, 0, 150)]
    [InlineData(0, 0, 255, 29)]
    [InlineData(7, 7, 7, 7)]
    [InlineData(255, 255, 255, 255)]
    public void Apply_ToOneChannel_IsTheLumaOfThePixel(byte r, byte g, byte b, float luma)
    {
        var tensor = new float[1];
        new Preprocessing(1, 1) { Channels = 1, Scale = 0.5f, Mean = new(1, 9, 9), Std = new(2, 9, 9) }.Apply(new RgbImage(1, 1, [r, g, b]), tensor);
        Assert.Equal([(luma * 0.5f - 1) / 2], tensor);
    }

    [Fact]
    public void Apply_ToATensorOfAnotherLength_Throws() =>
        Assert.Throws<ArgumentException>(() => new Preprocessing(2, 2).Apply(TestImages.Gradient(2, 2), new float[11]));

    [Fact]
    public void Resize_ToTwiceTheSize_InterpolatesAtHalfPixelCentres()
    {
        var image = new RgbImage(2, 1, [0, 0, 0, 100, 100, 100]);
        var resized = BilinearResize.Resize(image, 4, 1);
        Assert.Equal([0, 25, 75, 100], resized.Pixels.Where((_, i) => i % 3 == 0).Select(v => (int)v));
    }

    [Fact]
    public void Resize_ToHalfTheSize_AveragesNeighbours()
    {
        var image = new RgbImage(4, 1, [0, 0, 0, 10, 10, 10, 20, 20, 20, 40, 40, 40]);
        Assert.Equal([5, 30], BilinearResize.Resize(image, 2, 1).Pixels.Where((_, i) => i % 3 == 0).Select(v => (int)v));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(7, 3)]
    [InlineData(200, 90)]
    public void Resize_OfOneColour_KeepsIt(int width, int height)
    {
        var image = new RgbImage(31, 17, Enumerable.Repeat((byte)201, 31 * 17 * 3).ToArray());
        Assert.All(BilinearResize.Resize(image, width, height).Pixels, value => Assert.Equal(201, value));
    }

    [Fact]
    public void Resize_OfAKnownImage_GivesTheRecordedBytes()
    {
        // Recorded once; a change here changes what deployed models see.
        var resized = BilinearResize.Resize(TestImages.Gradient(9, 5), 4, 3);
        Assert.Equal("82952f641a20b97a425bcfe01f59027f5bb842a0f03311260df4298bca7d1bc1", Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(resized.Pixels)));
    }

    [Fact]
    public void Json_OfEveryField_RoundTrips()
    {
        var preprocessing = new Preprocessing(96, 64) { Layout = TensorLayout.Nhwc, Scale = 1f / 255, Mean = new(0.5f, 0.25f, 0.125f), Std = new(1, 2, 3) };
        Assert.Contains("\"layout\":\"nhwc\"", preprocessing.ToJson());
        Assert.Equal(preprocessing, Preprocessing.FromJson(preprocessing.ToJson()));
        Assert.DoesNotContain("channels", preprocessing.ToJson());
        Assert.Equal(preprocessing with { Channels = 1 }, Preprocessing.FromJson((preprocessing with { Channels = 1 }).ToJson()));
    }

    [Fact]
    public void Json_WithSizeOnly_MeansPlainPixels() =>
        Assert.Equal(new Preprocessing(32, 32), Preprocessing.FromJson("""{"width":32,"height":32,"future":1}"""));

    [Theory]
    [InlineData("null")]
    [InlineData("{")]
    [InlineData("""{"width":0,"height":32}""")]
    [InlineData("""{"width":100000,"height":100000}""")]
    [InlineData("""{"width":4,"height":4,"layout":"chwn"}""")]
    [InlineData("""{"width":4,"height":4,"channels":4}""")]
    [InlineData("""{"width":4,"height":4,"std":{"r":0,"g":1,"b":1}}""")]
    public void Json_ThatNoImageCanGoThrough_IsRefusedInOneLine(string json) =>
        Assert.DoesNotContain('\n', Assert.Throws<InputException>(() => Preprocessing.FromJson(json)).Message);
}
