using EdgeAgent.Compression.Distillation;
using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Teacher;
using TorchSharp;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Pruning;

/// <summary>
/// Unstructured sparsity: single weights held at zero through training. Dense kernels multiply zeros as fast as anything else;
/// what is gained is the size of the file once it is compressed, and <see cref="SparsityReport"/> says both.
/// </summary>
internal sealed class ZeroWeights : IDisposable
{
    private readonly List<(Tensor Weight, Tensor Mask)> _masks = [];

    private ZeroWeights()
    {
    }

    /// <summary>The smallest weights of all layers together, each taken relative to its layer's root mean square.</summary>
    /// <param name="share">Share of the weights, in (0, 1).</param>
    public static ZeroWeights Smallest(IReadOnlyList<TrainedTensor> trained, double share)
    {
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        var weights = trained.Where(t => t.Decays).Select(t => t.Value).ToArray();
        var sizes = Array.ConvertAll(weights, w =>
        {
            var values = w.ToFloats();
            var scale = MathF.Sqrt(values.Average(v => v * v));
            return Array.ConvertAll(values, v => scale > 0 ? MathF.Abs(v) / scale : 0);
        });
        var sorted = sizes.SelectMany(s => s).ToArray();
        Array.Sort(sorted);
        var threshold = sorted[Math.Min(sorted.Length - 1, (int)(sorted.Length * share))];
        var zeros = new ZeroWeights();
        for (var i = 0; i < weights.Length; i++)
            zeros._masks.Add((weights[i], TorchTensors.Of(Array.ConvertAll(sizes[i], s => s < threshold ? 0f : 1f), weights[i].shape).DetachFromDisposeScope()));
        return zeros;
    }

    /// <summary>The trainee with its zeros put back before each step: momentum and weight decay know nothing of them.</summary>
    public Trainee Around(Trainee trainee) => trainee with
    {
        Step = input =>
        {
            Apply();
            return trainee.Step(input);
        },
    };

    public void Apply()
    {
        using var _ = torch.no_grad();
        foreach (var (weight, mask) in _masks)
            weight.mul_(mask);
    }

    public void Dispose()
    {
        foreach (var (_, mask) in _masks)
            mask.Dispose();
    }
}
