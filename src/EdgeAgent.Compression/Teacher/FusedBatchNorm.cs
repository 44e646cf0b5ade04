using EdgeAgent.Compression.Runtime;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Teacher;

/// <summary>
/// A batch-norm in training, the addition of a residual and the ReLU that may follow, as one differentiable operation on
/// [N, C, H, W] in bfloat16, channels last in memory: two passes forwards and two backwards, where libtorch makes a dozen.
/// </summary>
internal sealed unsafe class FusedBatchNorm : autograd.SingleTensorFunction<FusedBatchNorm>
{
    private const string Kept = "kept";

    public override string Name => nameof(FusedBatchNorm);

    /// <summary>What a call has beside the tensors that get gradients.</summary>
    private sealed record Settings(Tensor RunningMean, Tensor RunningVariance, double Momentum, double Epsilon, bool Relu);

    private sealed record State(NormCoefficients Norm, double[] InverseDeviation);

    /// <summary>Whether this machine and these tensors are what the kernels are written for.</summary>
    public static bool Takes(Tensor x, Tensor? residual) => Bfloat16Memory.Holds(x) && (residual is null || Bfloat16Memory.Holds(residual) && residual.shape.AsSpan().SequenceEqual(x.shape));

    /// <param name="x">See <see cref="Takes(Tensor, Tensor?)"/>.</param>
    /// <param name="gamma">[C], float32; so are <paramref name="beta"/> and the running statistics, which are updated.</param>
    /// <param name="residual">As x, or null.</param>
    /// <returns>As x.</returns>
    public static Tensor Run(Tensor x, Tensor gamma, Tensor beta, Tensor? residual, Tensor runningMean, Tensor runningVariance, double momentum, double epsilon, bool relu) =>
        apply(x, gamma, beta, residual!, new Settings(runningMean, runningVariance, momentum, epsilon, relu));

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, gamma, beta, residual, settings) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2], (Tensor?)vars[3], (Settings)vars[4]);
        var (channels, pixels) = ((int)x.shape[1], checked((int)(x.shape[0] * x.shape[2] * x.shape[3])));
        var from = Bfloat16Memory.Of(x);

        // Sums of differences from something near the mean: squares of large numbers would cancel.
        var center = new float[channels];
        for (var c = 0; c < channels; c++)
            center[c] = Bfloat16Memory.ToFloat(from[c]);
        var (sums, squares) = NormKernel.Moments(from, pixels, center, Threads);
        var (factors, offsets) = (gamma.ToFloats(), beta.ToFloats());
        float[] scale = new float[channels], shift = new float[channels], mean = new float[channels], variance = new float[channels];
        var inverse = new double[channels];
        for (var c = 0; c < channels; c++)
        {
            var difference = sums[c] / pixels;
            var spread = Math.Max(0, squares[c] / pixels - difference * difference);
            inverse[c] = 1 / Math.Sqrt(spread + settings.Epsilon);
            (mean[c], scale[c]) = ((float)(center[c] + difference), (float)(factors[c] * inverse[c]));
            shift[c] = (float)(offsets[c] - (double)scale[c] * mean[c]);
            variance[c] = (float)(spread * pixels / Math.Max(1, pixels - 1));
        }
        Update(settings.RunningMean, mean, settings.Momentum);
        Update(settings.RunningVariance, variance, settings.Momentum);

        var norm = new NormCoefficients(scale, shift, mean, settings.Relu);
        var y = Bfloat16Memory.Like(x);
        NormKernel.Apply(from, residual is null ? null : Bfloat16Memory.Of(residual), Bfloat16Memory.Of(y), pixels, norm, Threads);
        ctx.save_data(Kept, new State(norm, inverse));
        ctx.save_for_backward(residual is null ? [x] : [x, residual]);
        GC.KeepAlive(residual);
        return y;
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        var (norm, inverse) = (State)ctx.get_data(Kept);
        var saved = ctx.get_saved_variables();
        var (x, residual) = (saved[0], saved.Count > 1 ? saved[1] : null);
        var (channels, pixels) = (norm.Scale.Length, (int)(x.shape[0] * x.shape[2] * x.shape[3]));
        var gradient = Bfloat16Memory.Held(grad_output);
        ushort* from = Bfloat16Memory.Of(x), added = residual is null ? null : Bfloat16Memory.Of(residual), given = Bfloat16Memory.Of(gradient);

        var (sums, products) = NormKernel.GradientSums(from, added, given, pixels, norm, Threads);
        float[] a = norm.Scale, b = new float[channels], c = new float[channels], toGamma = new float[channels], toBeta = new float[channels];
        for (var i = 0; i < channels; i++)
        {
            // dx = scale (g - mean(g) - x^ mean(g x^)) with x^ = (x - mean) / deviation.
            var slope = -norm.Scale[i] * inverse[i] * inverse[i] * products[i] / pixels;
            (b[i], c[i]) = ((float)slope, (float)(-norm.Scale[i] * sums[i] / pixels - slope * norm.Mean[i]));
            (toGamma[i], toBeta[i]) = ((float)(products[i] * inverse[i]), (float)sums[i]);
        }
        var toX = Bfloat16Memory.Like(x);
        // Without ReLU the residual's gradient is the result's.
        var toResidual = residual is null ? null : norm.Relu ? Bfloat16Memory.Like(x) : gradient;
        NormKernel.Gradient(from, added, given, Bfloat16Memory.Of(toX), toResidual is null || !norm.Relu ? null : Bfloat16Memory.Of(toResidual), pixels, norm, a, b, c, Threads);
        GC.KeepAlive(saved);
        GC.KeepAlive(gradient);
        return [toX, TorchTensors.Of(toGamma, channels), TorchTensors.Of(toBeta, channels), toResidual!, null!];
    }

    private static int Threads => get_num_threads();

    private static void Update(Tensor running, float[] batch, double momentum)
    {
        var values = running.data<float>();
        for (var c = 0; c < batch.Length; c++)
            values[c] = (float)(values[c] + momentum * (batch[c] - values[c]));
    }
}
