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
/// <paramref name="Width"/> x <paramref name="Height"/> pixels, then value = (pixel * Scale - Mean) / Std in float32, channels in RGB order.
/// The default passes pixels 0..255 through as floats, channels first. Travels with the model; immutable and thread-safe.
/// </summary>
[JsonConverter(typeof(PreprocessingConverter))]
public sealed record Preprocessing(int Width, int Height)
{
    public TensorLayout Layout { get; init; } = TensorLayout.Nchw;

    public float Scale { get; init; } = 1;

    public PerChannel Mean { get; init; } = PerChannel.Of(0);

    public PerChannel Std { get; init; } = PerChannel.Of(1);

    /// <summary>Floats in the tensor of one image.</summary>
    public int Length => checked(Width * Height * RgbImage.Channels);

    /// <summary>Fills <paramref name="tensor"/> (<see cref="Length"/> floats, one image) from <paramref name="image"/>; the same bits on every machine.</summary>
    /// <exception cref="ArgumentException">The tensor has another length.</exception>
    public void Apply(RgbImage image, Span<float> tensor)
    {
        if (tensor.Length != Length)
            throw new ArgumentException($"the tensor has {tensor.Length} floats; {Width} x {Height} RGB needs {Length}", nameof(tensor));
        var pixels = BilinearResize.Resize(image, Width, Height).Pixels;
        var area = Width * Height;
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

    public string ToJson() => JsonSerializer.Serialize(this, PreprocessingJson.Default.Preprocessing);

    /// <exception cref="InputException">Not the JSON of a pre-processing, or one that no image can go through.</exception>
    public static Preprocessing FromJson(string json)
    {
        Preprocessing? read;
        try
        {
            read = JsonSerializer.Deserialize(json, PreprocessingJson.Default.Preprocessing);
        }
        catch (JsonException fault)
        {
            throw new InputException($"pre-processing is not valid JSON at {fault.Path ?? "$"}, line {fault.LineNumber + 1}", fault);
        }
        if (read is null)
            throw new InputException("pre-processing is null; give an object with width and height");
        return read.Verify();
    }

    /// <summary>Refuses sizes and numbers no image can go through.</summary>
    /// <exception cref="InputException">Names the field and its value.</exception>
    public Preprocessing Verify()
    {
        if (Width < 1 || Height < 1 || (long)Width * Height > ImageDecoder.MaxPixels)
            throw new InputException($"pre-processing size {Width} x {Height} is not usable: both sides must be positive, at most {ImageDecoder.MaxPixels} pixels");
        if (!Enum.IsDefined(Layout))
            throw new InputException($"pre-processing layout {(int)Layout} is unknown; use nchw or nhwc");
        if (!Finite(PerChannel.Of(Scale)) || !Finite(Mean) || !Finite(Std) || Std.R == 0 || Std.G == 0 || Std.B == 0)
            throw new InputException("pre-processing scale, mean and std must be finite, and std not zero");
        return this;

        static bool Finite(PerChannel values) => float.IsFinite(values.R) && float.IsFinite(values.G) && float.IsFinite(values.B);
    }
}
