using EdgeAgent.Inputs;

namespace EdgeAgent.Cli.Demo;

/// <summary>
/// Draws one image of a class: a textured object of random place, size, angle and colour before a background of blobs,
/// behind lines, under noise. Most are easy to name, some cannot be: small, faint or covered.
/// </summary>
internal static class ShapeImage
{
    public const int Side = 32;

    private const int Samples = 3; // per pixel and axis
    private const int Blobs = 3, Lines = 2;

    /// <param name="kind">What is on it.</param>
    /// <param name="random">Gives the same image for the same state.</param>
    public static RgbImage Draw(ShapeClass kind, Random random)
    {
        var scene = new Scene(kind, random);
        var noise = 4 + 12 * random.NextDouble();
        var pixels = new byte[Side * Side * RgbImage.Channels];
        Span<double> colour = stackalloc double[RgbImage.Channels];
        for (var y = 0; y < Side; y++)
            for (var x = 0; x < Side; x++)
            {
                colour.Clear();
                for (var s = 0; s < Samples * Samples; s++)
                    scene.AddColour(x + (s % Samples + 0.5) / Samples, y + (s / Samples + 0.5) / Samples, colour);
                for (var c = 0; c < RgbImage.Channels; c++)
                {
                    var value = colour[c] / (Samples * Samples) + noise * Normal(random);
                    pixels[(y * Side + x) * RgbImage.Channels + c] = (byte)Math.Clamp(Math.Round(value), 0, 255);
                }
            }
        return new RgbImage(Side, Side, pixels);
    }

    private static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    /// <summary>What is where, in pixels.</summary>
    private sealed class Scene
    {
        private readonly ShapeClass _kind;
        private readonly (double X, double Y, double Radius, double[] Colour)[] _blobs;
        private readonly (double X, double Y, double Cos, double Sin, double Width, double[] Colour)[] _lines;
        private readonly double[] _background, _gradient, _paint, _second;
        private readonly double _x, _y, _size, _cos, _sin, _period, _phase;

        public Scene(ShapeClass kind, Random random)
        {
            _kind = kind;
            _background = Colour(random);
            _gradient = [.. Enumerable.Range(0, 3).Select(_ => 1.5 * (random.NextDouble() - 0.5))];
            _blobs = [.. Enumerable.Range(0, random.Next(Blobs + 1)).Select(_ =>
                (Side * random.NextDouble(), Side * random.NextDouble(), 2 + 5 * random.NextDouble(), Mix(_background, Colour(random), 0.5)))];
            _size = 9 + 5 * random.NextDouble();
            _x = _size * 0.8 + (Side - 1.6 * _size) * random.NextDouble();
            _y = _size * 0.8 + (Side - 1.6 * _size) * random.NextDouble();
            var angle = 0.8 * (random.NextDouble() - 0.5);
            (_sin, _cos) = Math.SinCos(angle);
            // Contrast from faint to full, against the background and between the two paints.
            _paint = Apart(_background, random, 60 + 90 * random.NextDouble());
            _second = Apart(_paint, random, 60 + 90 * random.NextDouble());
            _period = 3.2 + 1.6 * random.NextDouble();
            _phase = random.NextDouble();
            _lines = [.. Enumerable.Range(0, random.Next(Lines + 1)).Select(_ =>
            {
                var (sin, cos) = Math.SinCos(Math.PI * random.NextDouble());
                return (Side * random.NextDouble(), Side * random.NextDouble(), cos, sin, 0.4 + 0.6 * random.NextDouble(), Colour(random));
            })];
        }

        public void AddColour(double x, double y, Span<double> sum)
        {
            var colour = ColourAt(x, y);
            var shade = colour == _background;
            for (var c = 0; c < sum.Length; c++)
                sum[c] += colour[c] + (shade ? _gradient[c] * (x + y - Side) : 0);
        }

        private double[] ColourAt(double x, double y)
        {
            foreach (var line in _lines)
                if (Math.Abs((x - line.X) * line.Sin - (y - line.Y) * line.Cos) < line.Width)
                    return line.Colour;
            // The object's own axes, in units of its size.
            var (u, v) = (((x - _x) * _cos + (y - _y) * _sin) / _size, ((y - _y) * _cos - (x - _x) * _sin) / _size);
            if (IsInside(u, v))
                return IsSecond(u * _size, v * _size) ? _second : _paint;
            foreach (var blob in _blobs)
                if ((x - blob.X) * (x - blob.X) + (y - blob.Y) * (y - blob.Y) < blob.Radius * blob.Radius)
                    return blob.Colour;
            return _background;
        }

        private bool IsInside(double u, double v) => _kind.Outline switch
        {
            Outline.Circle => u * u + v * v < 0.81,
            Outline.Square => Math.Abs(u) < 0.8 && Math.Abs(v) < 0.8,
            Outline.Cross => Math.Min(Math.Abs(u), Math.Abs(v)) < 0.32 && Math.Max(Math.Abs(u), Math.Abs(v)) < 1,
            _ => v > -0.55 && v < 1.1 - 1.65 * Math.Abs(u), // triangle
        };

        private bool IsSecond(double u, double v) => _kind.Texture switch
        {
            Texture.Stripes => Fraction(u / _period + _phase) < 0.5,
            Texture.Dots => Math.Pow(Fraction(u / _period + _phase) - 0.5, 2) + Math.Pow(Fraction(v / _period + _phase) - 0.5, 2) < 0.1,
            _ => false,
        };

        private static double Fraction(double value) => value - Math.Floor(value);

        private static double[] Colour(Random random) => [.. Enumerable.Range(0, 3).Select(_ => 25 + 205 * random.NextDouble())];

        private static double[] Mix(double[] a, double[] b, double share) => [.. a.Zip(b, (p, q) => p + share * (q - p))];

        /// <summary>A colour at the given distance from another, in a random direction, moved back into the range.</summary>
        private static double[] Apart(double[] from, Random random, double distance)
        {
            var direction = Enumerable.Range(0, 3).Select(_ => Normal(random)).ToArray();
            var length = Math.Sqrt(direction.Sum(d => d * d)) + 1e-9;
            // Towards the middle where the way out of the range is short.
            return [.. from.Zip(direction, (p, d) =>
            {
                var step = distance * d / length;
                return p + step is < 0 or > 255 ? p - step : p + step;
            })];
        }
    }
}
