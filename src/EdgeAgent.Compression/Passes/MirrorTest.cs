using EdgeAgent.Compression.Data;
using EdgeAgent.Compression.Packaging;

namespace EdgeAgent.Compression.Passes;

/// <summary>
/// Whether training may show images mirrored. A cat stays a cat, an arrow, a digit or a letter does not: the teacher knows, who
/// learned what the classes look like. No class may lose half of its right answers, nor all of them together a tenth.
/// </summary>
/// <param name="Top1">Of the teacher on mirrored held-out images.</param>
/// <param name="Objection">What speaks against mirroring, one line; null where nothing does.</param>
public sealed record MirrorTest(double Top1, string? Objection)
{
    private const int MostImages = 2000, FewestImages = 400, ImagesPerMinute = 200, Batch = 100;
    private const double KeptOfAll = 0.9, KeptOfAClass = 0.5;

    /// <summary>Right answers below which a class does not speak for itself: half of them would be lost by chance too often.</summary>
    private const int FewestOfAClass = 20;

    /// <summary>Images to try it on. By what was given and not by a clock, so that a run that is continued decides the same.</summary>
    public static int ImagesOf(TrainingOptions options) => options.Steps is null ? (int)Math.Clamp(options.Budget.TotalMinutes * ImagesPerMinute, FewestImages, MostImages) : MostImages;

    /// <param name="plain">The model's class of every image as it is, in order.</param>
    /// <param name="images">Channels first.</param>
    /// <param name="count">So many of them at most.</param>
    public static MirrorTest Of(OnnxModel model, int[] plain, BatchSource images, int count, IReadOnlyList<string> names, CancellationToken cancellation)
    {
        var width = (int)images.SampleShape[^1];
        int[] right = new int[names.Count], kept = new int[names.Count];
        var seen = 0;
        foreach (var batch in images.Sequential(Batch, count, cancellation))
        {
            cancellation.ThrowIfCancellationRequested();
            for (var row = 0; row < batch.Input.Length; row += width)
                Array.Reverse(batch.Input, row, width);
            var mirrored = Argmax.Rows(model.Run(batch.Input, batch.Labels.Length, images.SampleShape), batch.Labels.Length);
            for (var i = 0; i < mirrored.Length; i++, seen++)
            {
                var label = batch.Labels[i];
                right[label] += plain[seen] == label ? 1 : 0;
                kept[label] += mirrored[i] == label ? 1 : 0;
            }
        }
        return new MirrorTest((double)kept.Sum() / Math.Max(1, seen), ObjectionOf(right, kept, names));
    }

    /// <param name="right">Right answers of each class to images as they are.</param>
    /// <param name="kept">The same to mirrored ones.</param>
    public static string? ObjectionOf(int[] right, int[] kept, IReadOnlyList<string> names)
    {
        for (var c = 0; c < right.Length; c++)
            if (right[c] >= FewestOfAClass && kept[c] < KeptOfAClass * right[c])
                return $"of {right[c]} images of {names[c]} that the teacher knows, it knows {kept[c]} when they are mirrored";
        return kept.Sum() < KeptOfAll * right.Sum() ? $"of {right.Sum()} images that the teacher knows, it knows {kept.Sum()} when they are mirrored" : null;
    }
}
