using System.Text.Json;
using System.Text.Json.Serialization;

namespace EdgeAgent.Inputs;

/// <summary>Order of a tensor's axes after the batch: channels first (Nchw) or last (Nhwc).</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TensorLayout>))]
public enum TensorLayout
{
    [JsonStringEnumMemberName("nchw")] Nchw,
    [JsonStringEnumMemberName("nhwc")] Nhwc,
}

/// <summary>One number for each of the three colour channels.</summary>
public readonly record struct PerChannel(float R, float G, float B)
{
    public static PerChannel Of(float all) => new(all, all, all);
}

/// <summary>
/// Everything that lies between an image file's pixels and a model's input tensor: resize bilinearly to
/// <paramref name="Width"/> x <paramref name="Height"/> pixels, then value = (pixel * Scale - Mean) / Std in float32, channels in RGB order,
/// or one channel of grey, with the first of the means and deviations. The default passes pixels 0..255 through as floats,
/// channels first. Travels with the model; immutable and thread-safe.
/// </summary>
[JsonConverter(typeof(PreprocessingConverter))]
public sealed record Preprocessing(int Width, int Height)
{
    public TensorLayout Layout { get; init; } = TensorLayout.Nchw;

    /// <summary>3 for RGB; 1 for grey: the luma of the pixels, which a grey image's pixels are themselves.</summary>
    public int Channels { get; init; } = RgbImage.Channels;

    public float Scale { get; init; } = 1;

    public PerChannel Mean { get; init; } = PerChannel.Of(0);

    public PerChannel Std { get; init; } = PerChannel.Of(1);

    /// <summary>Floats in the tensor of one image.</summary>
    public int Length => checked(Width * Height * Channels);

    /// <summary>Fills <paramref name="tensor"/> (<see cref="Length"/> floats, one image) from <paramref name="image"/>; the same bits on every machine.</summary>
    /// <exception cref="ArgumentException">The tensor has another length.</exception>
    public void Apply(RgbImage image, Span<float> tensor)
    {
        if (tensor.Length != Length)
            throw new ArgumentException($"the tensor has {tensor.Length} floats; {Width} x {Height} pixels of {Channels} channels need {Length}", nameof(tensor));
        var pixels = BilinearResize.Resize(image, Width, Height).Pixels;
        var area = Width * Height;
        if (Channels == 1)
        {
            for (var i = 0; i < area; i++)
                tensor[i] = (Luma(pixels.AsSpan(i * RgbImage.Channels, RgbImage.Channels)) * Scale - Mean.R) / Std.R;
            return;
        }
        for (var c = 0; c < RgbImage.Channels; c++)
        {
            var mean = c switch { 0 => Mean.R, 1 => Mean.G, _ => Mean.B };
            var std = c switch { 0 => Std.R, 1 => Std.G, _ => Std.B };
            var (start, step) = Layout == TensorLayout.Nchw ? (c * area, 1) : (c, RgbImage.Channels);
            // Multiply, subtract and divide stay separate operations: .NET never contracts them to a fused one.
            for (int i = 0, from = c, to = start; i < area; i++, from += RgbImage.Channels, to += step)
                tensor[to] = (pixels[from] * Scale - mean) / std;
        }
    }

    /// <summary>0.299 R + 0.587 G + 0.114 B (ITU-R BT.601) in integers, rounded: the same on every processor, and v for the grey (v, v, v).</summary>
    private static int Luma(ReadOnlySpan<byte> pixel) => (19595 * pixel[0] + 38470 * pixel[1] + 7471 * pixel[2] + (1 << 15)) >> 16;

    public string ToJson() => JsonSerializer.Serialize(this, PreprocessingJson.Default.Preprocessing);

    /// <exception cref="InputException">Not the JSON of a pre-processing, or one that no image can go through.</exception>
    public static Preprocessing FromJson(string json) => PreprocessingDocument.FromJson(json).Over(new Preprocessing(0, 0)).Verify();

    /// <summary>Refuses sizes and numbers no image can go through.</summary>
    /// <exception cref="InputException">Names the field and its value.</exception>
    public Preprocessing Verify()
    {
        if (Width < 1 || Height < 1 || (long)Width * Height > ImageDecoder.MaxPixels)
            throw new InputException($"pre-processing size {Width} x {Height} is not usable: both sides must be positive, at most {ImageDecoder.MaxPixels} pixels");
        if (!Enum.IsDefined(Layout))
            throw new InputException($"pre-processing layout {(int)Layout} is unknown; use nchw or nhwc");
        if (Channels is not (1 or RgbImage.Channels))
            throw new InputException($"pre-processing channels {Channels} are not usable; use {RgbImage.Channels} for RGB or 1 for grey");
        if (!Finite(PerChannel.Of(Scale)) || !Finite(Mean) || !Finite(Std) || Std.R == 0 || Channels > 1 && (Std.G == 0 || Std.B == 0))
            throw new InputException("pre-processing scale, mean and std must be finite, and std not zero");
        return this;

        static bool Finite(PerChannel values) => float.IsFinite(values.R) && float.IsFinite(values.G) && float.IsFinite(values.B);
    }
}
