using System.Threading.Channels;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Inputs;
using TorchSharp;

namespace EdgeAgent.Compression.Data;

/// <summary>Which images, in which view, a step sees.</summary>
/// <param name="Step">Number of the step this batch is for.</param>
/// <param name="Epoch">Pass over the data the step belongs to.</param>
/// <param name="View">Augmented view of the images; -1 is the plain image.</param>
/// <param name="Samples">Positions within the training (or validation) subset.</param>
public sealed record BatchPlan(long Step, int Epoch, int View, int[] Samples);

/// <summary>One batch in memory: pixels as the model's input tensor has them, and labels.</summary>
/// <param name="Mixed">For each image the label of the one that was mixed in, and how much of it there is; null where none was.</param>
public sealed record Batch(BatchPlan Plan, float[] Input, long[] Labels, (long Label, float Share)[]? Mixed = null);

/// <summary>A subset of samples as batches of input tensors, assembled ahead of their use on the thread pool.</summary>
public sealed class BatchSource(ImageSamples samples, int[] subset, Preprocessing preprocessing, Augmentation augmentation, ulong seed)
{
    private const int Ahead = 3;

    public int Count => subset.Length;

    /// <summary>Shape of one sample's input: [C,H,W] or [H,W,C].</summary>
    public long[] SampleShape { get; } = preprocessing.Layout == TensorLayout.Nchw
        ? [preprocessing.Channels, preprocessing.Height, preprocessing.Width]
        : [preprocessing.Height, preprocessing.Width, preprocessing.Channels];

    /// <summary>See <see cref="Augmentation.Sides"/>.</summary>
    public int Sides => augmentation.Sides;

    public IEnumerable<int> Labels => subset.Select(i => samples.Labels[i]);

    /// <summary>Sample positions of pass <paramref name="epoch"/> in their order.</summary>
    public int[] Order(int epoch) => CounterRandom.Of(seed, 0x0EDE4, (ulong)epoch).Permutation(subset.Length);

    /// <summary>Plain images in order, for evaluation.</summary>
    public IEnumerable<Batch> Sequential(int batchSize, int limit = int.MaxValue, CancellationToken cancellation = default)
    {
        var count = Math.Min(limit, subset.Length);
        return Prefetch(Plans(), cancellation);

        IEnumerable<BatchPlan> Plans()
        {
            for (var first = 0; first < count; first += batchSize)
                yield return new BatchPlan(first / batchSize, 0, -1, Enumerable.Range(first, Math.Min(batchSize, count - first)).ToArray());
        }
    }

    /// <summary>The first images of pass <paramref name="epoch"/>, in batches of which the last may be smaller: the same in every run of the same seed.</summary>
    /// <param name="view">See <see cref="BatchPlan"/>.</param>
    public IEnumerable<Batch> Sample(int epoch, int images, int batchSize, CancellationToken cancellation, int view = -1) =>
        Prefetch(Order(epoch).Take(images).Chunk(batchSize).Select((samples, i) => new BatchPlan(i, 0, view, samples)), cancellation);

    /// <summary>The batches of the given plans, in order, a few assembled ahead.</summary>
    public IEnumerable<Batch> Prefetch(IEnumerable<BatchPlan> plans, CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var channel = Channel.CreateBounded<Batch>(new BoundedChannelOptions(Ahead) { SingleReader = true, SingleWriter = true });
        var producer = Task.Run(async () =>
        {
            try
            {
                foreach (var plan in plans)
                    await channel.Writer.WriteAsync(Assemble(plan), stop.Token).ConfigureAwait(false);
                channel.Writer.Complete();
            }
            catch (Exception fault)
            {
                channel.Writer.Complete(fault);
            }
        }, CancellationToken.None);
        try
        {
            while (true)
            {
                var ready = channel.Reader.WaitToReadAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult();
                if (!ready)
                    yield break;
                while (channel.Reader.TryRead(out var batch))
                    yield return batch;
            }
        }
        finally
        {
            stop.Cancel();
            producer.GetAwaiter().GetResult();
        }
    }

    public Batch Assemble(BatchPlan plan)
    {
        var length = preprocessing.Length;
        var input = new float[plan.Samples.Length * length];
        var labels = new long[plan.Samples.Length];
        var mixed = augmentation.Mixup > 0 && plan.View >= 0 ? new (long Label, float Share)[labels.Length] : null;
        Parallel.For(0, plan.Samples.Length, i =>
        {
            var sample = subset[plan.Samples[i]];
            labels[i] = samples.Labels[sample];
            var pixels = View(sample, plan.View);
            if (mixed is not null && CounterRandom.Of(seed, 0x313, (ulong)augmentation.CropOf(plan.View), (ulong)sample) is var random && random.Unit(0) < augmentation.Mixup)
            {
                var other = subset[random.Below(1, subset.Length)];
                mixed[i] = (samples.Labels[other], (float)random.Unit(2) / 2);
                pixels = Blend(pixels, View(other, plan.View), mixed[i].Share);
            }
            preprocessing.Apply(new RgbImage(samples.Width, samples.Height, pixels), input.AsSpan(i * length, length));
        });
        return new Batch(plan, input, labels, mixed);
    }

    /// <summary>The same images without any mixed in: what statistics are measured on.</summary>
    public BatchSource Unmixed() => new(samples, subset, preprocessing, augmentation with { Mixup = 0 }, seed);

    /// <summary>The same images, never mirrored.</summary>
    public BatchSource Unflipped() => new(samples, subset, preprocessing, augmentation with { Flip = false }, seed);

    private byte[] View(int sample, int view)
    {
        var pixels = samples.Pixels(sample);
        if (view < 0)
            return pixels;
        var result = new byte[pixels.Length];
        augmentation.Apply(pixels, samples.Width, samples.Height, view, CounterRandom.Of(seed, 0xA06, (ulong)augmentation.CropOf(view), (ulong)sample), result);
        return result;
    }

    private static byte[] Blend(byte[] pixels, byte[] other, float share)
    {
        var result = new byte[pixels.Length];
        for (var i = 0; i < result.Length; i++)
            result[i] = (byte)MathF.Round(pixels[i] + share * (other[i] - pixels[i]));
        return result;
    }

    /// <summary>The batch's labels: [N] int64, or [N, classes] probabilities where images are mixed.</summary>
    public torch.Tensor Targets(Batch batch)
    {
        if (batch.Mixed is not { } mixed)
            return torch.tensor(batch.Labels);
        var probabilities = new float[batch.Labels.Length * samples.ClassCount];
        for (var i = 0; i < mixed.Length; i++)
        {
            probabilities[i * samples.ClassCount + batch.Labels[i]] += 1 - mixed[i].Share;
            probabilities[i * samples.ClassCount + mixed[i].Label] += mixed[i].Share;
        }
        return TorchTensors.Of(probabilities, batch.Labels.Length, samples.ClassCount);
    }

    /// <summary>The batch's input as a tensor [N, ...].</summary>
    public torch.Tensor Tensor(Batch batch) =>
        TorchTensors.Of(batch.Input, [batch.Plan.Samples.Length, .. SampleShape]);

    /// <summary>Inputs of batches, each disposed when the next is asked for.</summary>
    public IEnumerable<torch.Tensor> Tensors(IEnumerable<Batch> batches)
    {
        foreach (var batch in batches)
        {
            using var tensor = Tensor(batch);
            yield return tensor;
        }
    }
}
