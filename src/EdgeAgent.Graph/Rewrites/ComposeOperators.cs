using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites;

/// <summary>
/// Operators that a format does not have, as arithmetic that every format has: LayerNormalization, Softplus, Softsign, Erf, Elu
/// and Selu of any parameters, ThresholdedRelu, Expand, averages that leave out padding, and an ArgMax that keeps its axis.
/// </summary>
public static class ComposeOperators
{
    public static GraphSpec Apply(GraphSpec graph)
    {
        var shapes = ShapeInference.Infer(graph, -1);
        var composer = new NodeComposer(graph);
        foreach (var node in graph.Nodes)
            if (!TryCompose(node, composer, shapes))
                composer.Keep(node);
        return composer.Graph;
    }

    private static bool TryCompose(Node node, NodeComposer composer, IReadOnlyDictionary<string, ValueSpec> shapes)
    {
        string Part(Operator op, params string[] inputs) => composer.Part(node, op, inputs);
        string Number(float value) => composer.Number(node, value);
        void Last(Operator op, params string[] inputs) => composer.Last(node, op, inputs);
        switch (node.Op)
        {
            case LayerNormalization normalization:
                Normalize(node, normalization, composer, shapes[node.Inputs[0]].Shape.Length);
                return true;
            case Softplus:
                // max(x, 0) + log(1 + exp(-|x|)), which does not overflow.
                var exponential = Part(new Exp(), Part(new Neg(), Part(new Abs(), node.Inputs[0])));
                Last(new Add(), Part(new Relu(), node.Inputs[0]), Part(new Log(), Part(new Add(), exponential, Number(1))));
                return true;
            case Softsign:
                Last(new Div(), node.Inputs[0], Part(new Add(), Part(new Abs(), node.Inputs[0]), Number(1)));
                return true;
            case Erf:
                ErrorFunction(node, composer);
                return true;
            case Elu { Alpha: not 1 } elu:
                Last(new Add(), Part(new Relu(), node.Inputs[0]), Part(new Mul(), Negative(), Number(elu.Alpha)));
                return true;
            case Selu selu:
                var both = Part(new Add(), Part(new Relu(), node.Inputs[0]), Part(new Mul(), Negative(), Number(selu.Alpha)));
                Last(new Mul(), both, Number(selu.Gamma));
                return true;
            case ThresholdedRelu thresholded:
                Last(new Where(), Part(new Greater(), node.Inputs[0], Number(thresholded.Alpha)), node.Inputs[0], Number(0));
                return true;
            case Expand expand when shapes[node.Output] is { Type: ElementType.Float32 or ElementType.Int32 or ElementType.Int64 } result:
                Last(new Mul(), node.Inputs[0], composer.Constant(node, "ones", Ones(result.Type, Array.ConvertAll(expand.Shape, d => (int)Math.Max(1, d)))));
                return true;
            case AveragePool { CountIncludePad: false } pool when shapes[node.Inputs[0]].Shape is { Length: 4 } images && IsOwnPadding(pool, images):
                Average(node, pool, composer, images, shapes[node.Output].Shape);
                return true;
            case ArgMax { KeepDims: true } max:
                Last(new Reshape([.. shapes[node.Output].Shape.Select(d => (long)Math.Max(d, -1))]), Part(new ArgMax(max.Axis, false), node.Inputs[0]));
                return true;
            default:
                return false;
        }

        // exp(min(x, 0)) - 1, which is 0 from 0 on.
        string Negative() => Part(new Sub(), Part(new Exp(), Part(new Min(), node.Inputs[0], Number(0))), Number(1));
    }

    /// <summary>Padding that the average leaves out and that is not what other formats call "same".</summary>
    private static bool IsOwnPadding(AveragePool pool, int[] images) => pool.Window.Dilations.All(d => d == 1) && pool.Window.Pads.Any(p => p != 0)
        && !pool.Window.Pads.AsSpan().SequenceEqual(Window.SamePads(images.AsSpan(2), pool.Window.Kernel, pool.Window.Strides, pool.Window.Dilations));

    /// <summary>The average with the padding counted as zeros, times what that makes it too small by.</summary>
    private static void Average(Node node, AveragePool pool, NodeComposer composer, int[] images, int[] result)
    {
        var window = pool.Window;
        var pads = window.Pads.ToArray();
        var shares = new float[2][];
        for (var axis = 0; axis < 2; axis++)
        {
            var (size, outputs, kernel) = (images[2 + axis], result[2 + axis], window.Kernel[axis]);
            // With a ceiling, the last window may go on beyond the padding.
            pads[axis + 2] = Math.Max(pads[axis + 2], (outputs - 1) * window.Strides[axis] + kernel - size - pads[axis]);
            shares[axis] = [.. Enumerable.Range(0, outputs).Select(i => i * window.Strides[axis] - pads[axis]).Select(start => (float)kernel / (Math.Min(start + kernel, size) - Math.Max(start, 0)))];
        }
        var factors = Tensor.Of([.. shares[0].SelectMany(row => shares[1].Select(column => row * column))], 1, 1, result[2], result[3]);
        var sum = composer.Part(node, new AveragePool(window with { Pads = pads }, false, true), node.Inputs[0]);
        composer.Last(node, new Mul(), sum, composer.Constant(node, "shares", factors));
    }

    private static void Normalize(Node node, LayerNormalization normalization, NodeComposer composer, int rank)
    {
        string Part(Operator op, params string[] inputs) => composer.Part(node, op, inputs);
        var axis = normalization.Axis < 0 ? normalization.Axis + rank : normalization.Axis;
        int[] axes = [.. Enumerable.Range(axis, rank - axis)];
        var centred = Part(new Sub(), node.Inputs[0], Part(new ReduceMean(axes, true), node.Inputs[0]));
        var variance = Part(new ReduceMean(axes, true), Part(new Mul(), centred, centred));
        var normal = Part(new Div(), centred, Part(new Sqrt(), Part(new Add(), variance, composer.Number(node, normalization.Epsilon))));
        if (node.Inputs.Count > 2 && node.Inputs[2].Length > 0)
            composer.Last(node, new Add(), Part(new Mul(), normal, node.Inputs[1]), node.Inputs[2]);
        else
            composer.Last(node, new Mul(), normal, node.Inputs[1]);
    }

    /// <summary>
    /// Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26: to 1.5e-7, of sign(x) * (1 - t * p(t) * exp(-x^2)) with
    /// t = 1 / (1 + 0.3275911 |x|).
    /// </summary>
    private static void ErrorFunction(Node node, NodeComposer composer)
    {
        const float least = 1e-30f;
        float[] coefficients = [1.061405429f, -1.453152027f, 1.421413741f, -0.284496736f, 0.254829592f];
        string Part(Operator op, params string[] inputs) => composer.Part(node, op, inputs);
        string Number(float value) => composer.Number(node, value);
        var x = node.Inputs[0];
        var size = Part(new Max(), x, Part(new Neg(), x));
        var t = Part(new Div(), Number(1), Part(new Add(), Part(new Mul(), size, Number(0.3275911f)), Number(1)));
        var p = Part(new Add(), Part(new Mul(), t, Number(coefficients[0])), Number(coefficients[1]));
        foreach (var coefficient in coefficients.AsSpan(2))
            p = Part(new Add(), Part(new Mul(), p, t), Number(coefficient));
        var tail = Part(new Mul(), Part(new Mul(), p, t), Part(new Exp(), Part(new Neg(), Part(new Mul(), x, x))));
        // Runtimes without an operator for signs divide a number by its size.
        var sign = Part(new Div(), x, Part(new Max(), size, Number(least)));
        composer.Last(node, new Mul(), sign, Part(new Sub(), Number(1), tail));
    }

    private static Tensor Ones(ElementType type, int[] shape)
    {
        var count = shape.Aggregate(1, (a, d) => checked(a * d));
        return type switch
        {
            ElementType.Int32 => Tensor.Of(Enumerable.Repeat(1, count).ToArray(), shape),
            ElementType.Int64 => Tensor.Of(Enumerable.Repeat(1L, count).ToArray(), shape),
            _ => Tensor.Of(Enumerable.Repeat(1f, count).ToArray(), shape),
        };
    }
}
