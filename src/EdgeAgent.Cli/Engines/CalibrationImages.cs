using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Inputs;

namespace EdgeAgent.Cli.Engines;

/// <summary>The images that a model is quantized by, as batches of its input.</summary>
internal static class CalibrationImages
{
    private const int BatchSize = 32;

    /// <param name="data">A folder or archive of images, sampled evenly; null for generated images.</param>
    /// <param name="skipped">Called with the fault of every image that does not decode.</param>
    /// <exception cref="CommandException">None of the images decodes.</exception>
    public static IReadOnlyList<IReadOnlyDictionary<string, Tensor>> Batches(ValueSpec input, Preprocessing preprocessing, string? data, int count, Action<string> skipped)
    {
        var images = data is null ? Enumerable.Range(0, count).Select(i => DeadLeaves.Create(preprocessing.Width, preprocessing.Height, i)) : Sampled(data, count, skipped);
        var batches = new List<IReadOnlyDictionary<string, Tensor>>();
        foreach (var chunk in images.Chunk(BatchSize))
        {
            var pixels = new float[chunk.Length * preprocessing.Length];
            for (var i = 0; i < chunk.Length; i++)
                preprocessing.Apply(chunk[i], pixels.AsSpan(i * preprocessing.Length, preprocessing.Length));
            batches.Add(new Dictionary<string, Tensor> { [input.Name] = Tensor.Of(pixels, [chunk.Length, .. input.Shape[1..]]) });
        }
        return batches.Count > 0 ? batches : throw new CommandException($"{data}: none of its images decodes; repair them, or leave --data out to use generated images");
    }

    private static IEnumerable<RgbImage> Sampled(string data, int count, Action<string> skipped)
    {
        using var images = UnlabelledImages.Open(data);
        count = Math.Min(count, images.Count);
        for (var i = 0; i < count; i++)
            if (images.TryDecode((int)((long)i * images.Count / count), out var image, out var fault))
                yield return image;
            else
                skipped(fault);
    }
}
